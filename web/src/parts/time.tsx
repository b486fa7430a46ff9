import { useEffect, useState } from "react";

/** `950 ms`, `4.2 s`, `3 min 5 s`, `1 h 2 min`. */
export function duration(ms: number): string {
  if (ms < 1000) {
    return `${Math.round(ms)} ms`;
  }
  if (ms < 60_000) {
    return `${(ms / 1000).toFixed(1)} s`;
  }
  const minutes = Math.floor(ms / 60_000);
  return minutes < 60
    ? `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** How long ago, with the exact time on hovering. */
export function Ago({ at }: { at: string }) {
  const now = useNow(30_000);
  const time = new Date(at);
  const seconds = Math.round((time.getTime() - now) / 1000);
  const format = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  const size = Math.abs(seconds);
  const text =
    size < 60
      ? format.format(seconds, "second")
      : size < 3600
        ? format.format(Math.round(seconds / 60), "minute")
        : size < 86_400
          ? format.format(Math.round(seconds / 3600), "hour")
          : format.format(Math.round(seconds / 86_400), "day");
  return (
    <time dateTime={at} title={time.toLocaleString()}>
      {text}
    </time>
  );
}

/** A moment as the reader's clock and calendar say it. */
export function Moment({ at }: { at: string }) {
  const text = new Date(at).toLocaleString(undefined, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  return <time dateTime={at}>{text}</time>;
}

/** The time, looked at again every so often. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
