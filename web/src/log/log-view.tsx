import { useCallback, useEffect, useLayoutEffect, useRef, useState, useSyncExternalStore } from "react";

import { words } from "../words";
import { pieces, settled } from "./ansi";
import type { StageLog } from "./stage-log";

/** The height of a line in pixels; the style sheet says the same. */
const ROW = 20;
/** Browsers draw nothing beyond some thirty million pixels: a longer log is scrolled in proportion. */
const TALLEST = 8_000_000;

/** A window on the lines of a log. At its end it follows what comes; `#L123` leads to a line. */
export function LogView({ log }: { log: StageLog }) {
  useSyncExternalStore(log.subscribe, log.seen);
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(400);
  const [following, setFollowing] = useState(() => wanted() === null);
  const [marked, setMarked] = useState(wanted);
  const total = log.total;
  // Lines beyond this came after the reader had left the end; nobody who began elsewhere has left it.
  const seen = useRef(Number.POSITIVE_INFINITY);
  const visible = Math.ceil(height / ROW);
  const tall = Math.min(total * ROW, TALLEST);
  const first = rowAt(top, tall, height, total);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) {
      return;
    }
    const measure = () => setHeight(element.clientHeight);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const show = useCallback(
    (line: number) => {
      const element = box.current;
      if (element !== null) {
        element.scrollTop = topOf(Math.max(0, line - 3), element.scrollHeight, element.clientHeight, log.total);
        setTop(element.scrollTop);
      }
    },
    [log],
  );

  // Follow the end, or show once the line of the address.
  useLayoutEffect(() => {
    const element = box.current;
    if (element !== null && following) {
      element.scrollTop = element.scrollHeight;
      setTop(element.scrollTop);
      seen.current = total;
    }
  }, [total, following, height]);
  useEffect(() => {
    const go = () => {
      const line = wanted();
      setMarked(line);
      if (line !== null) {
        setFollowing(false);
        show(line);
      }
    };
    if (total > 0) {
      go();
    }
    window.addEventListener("hashchange", go);
    return () => window.removeEventListener("hashchange", go);
    // The first lines make the address's line reachable; later ones change nothing about it.
  }, [show, total > 0]);

  const scrolled = () => {
    const element = box.current;
    if (element !== null) {
      const atEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - 2;
      setTop(element.scrollTop);
      setFollowing(atEnd);
      if (atEnd) {
        seen.current = log.total;
      }
    }
  };
  const fresh = total - seen.current;
  return (
    <div className="log">
      <div ref={box} className="log-box" onScroll={scrolled} tabIndex={0} role="log" aria-label={words.log}>
        <div className="log-all" style={{ height: tall }}>
          <div className="log-seen" style={{ transform: `translateY(${placeOf(first, top, tall, total)}px)` }}>
            {Array.from({ length: Math.min(visible + 1, total - first) }, (_, at) => (
              <Line key={first + at} number={first + at} text={log.line(first + at)} marked={marked === first + at} />
            ))}
          </div>
        </div>
        {total === 0 && <p className="empty">{words.noLog}</p>}
      </div>
      {!following && (
        <button type="button" className="follow" onClick={() => setFollowing(true)}>
          {words.follow} {fresh > 0 && `· ${fresh.toLocaleString()} ${words.newLines}`} ↓
        </button>
      )}
    </div>
  );
}

function Line({ number, text, marked }: { number: number; text: string | undefined; marked: boolean }) {
  const name = `L${number + 1}`;
  return (
    <div className={marked ? "line marked" : "line"}>
      <a href={`#${name}`} aria-label={`${words.line} ${number + 1}`}>
        {number + 1}
      </a>
      <code>
        {text === undefined
          ? "…"
          : pieces(settled(text)).map((piece, at) => (
              <span key={at} className={piece.look}>
                {piece.text}
              </span>
            ))}
      </code>
    </div>
  );
}

/** The line of the address, from 0. */
function wanted(): number | null {
  const found = /^#L([1-9][0-9]{0,15})$/.exec(location.hash);
  return found === null ? null : Number(found[1]) - 1;
}

/** Which line stands at the top of the window. */
function rowAt(top: number, tall: number, height: number, total: number): number {
  const way = Math.max(1, tall - height);
  const rows = Math.max(0, total - Math.floor(height / ROW));
  return tall < TALLEST ? Math.min(Math.floor(top / ROW), Math.max(0, total - 1)) : Math.round((Math.min(top, way) / way) * rows);
}

/** Where the window is scrolled to for a line at its top. */
function topOf(line: number, tall: number, height: number, total: number): number {
  const rows = Math.max(1, total - Math.floor(height / ROW));
  return tall < TALLEST ? line * ROW : (line / rows) * (tall - height);
}

/** Where the first shown line is drawn. */
function placeOf(first: number, top: number, tall: number, _total: number): number {
  return tall < TALLEST ? first * ROW : top;
}
