import { useCallback, useEffect, useState } from "react";

import { api, reason, type RunSummary, take } from "../api/client";
import { followRuns } from "./events";
import { changed, continued, type RunFilter } from "./run-list";

export interface Runs {
  /** `null` until they were read. */
  readonly items: readonly RunSummary[] | null;
  readonly problem: string | null;
  readonly isConnected: boolean;
  /** Reads older ones; absent when there are none. */
  readonly more: (() => void) | null;
}

/** Until a list that could not be read is asked for again. */
const AGAIN_MS = 3_000;

type Listed = NonNullable<RunSummary["state"]>;

/** The runs of a workspace, newest first, as they change. */
export function useRuns(workspace: string, { service, state }: RunFilter): Runs {
  const [items, setItems] = useState<readonly RunSummary[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isConnected, setConnected] = useState(true);
  const read = useCallback(
    (cursor?: string) => {
      const query = {
        ...(service !== null && { service }),
        ...(state !== null && { state: state as Listed }),
        ...(cursor !== undefined && { cursor }),
      };
      return take(api.GET("/api/v1/workspaces/{workspace}/runs", { params: { path: { workspace }, query } }));
    },
    [workspace, service, state],
  );

  useEffect(() => {
    let left = false;
    // Changes that come while the list is read are made to it afterwards.
    let early: RunSummary[] | null = [];
    let reads = 0;
    let again: ReturnType<typeof setTimeout> | undefined;
    setItems(null);
    const filter = { service, state };
    const reset = () => {
      clearTimeout(again);
      early = [];
      const number = ++reads;
      const counts = () => !left && number === reads;
      read().then(
        (page) => {
          if (counts()) {
            const later = early ?? [];
            early = null;
            setItems(later.reduce<RunSummary[]>((list, run) => changed(list, run, filter), page.items));
            setNext(page.next ?? null);
            setProblem(null);
          }
        },
        (error: unknown) => {
          if (counts()) {
            setProblem(reason(error));
            again = setTimeout(reset, AGAIN_MS);
          }
        },
      );
    };
    const run = (run: RunSummary) => {
      if (early === null) {
        setItems((list) => changed(list ?? [], run, filter));
      } else {
        early.push(run);
      }
    };
    const connected = (is: boolean) => {
      if (left) {
        return;
      }
      setConnected(is);
      if (!is && reads === 0) {
        // Nobody will tell it to: a list that may be old is better than none.
        reset();
      }
    };
    const stop = followRuns(workspace, { reset, run, connected });
    return () => {
      left = true;
      clearTimeout(again);
      stop();
    };
  }, [workspace, service, state, read]);

  const more = () => {
    read(next ?? undefined).then(
      (page) => {
        setItems((list) => continued(list ?? [], page.items));
        setNext(page.next ?? null);
      },
      (error: unknown) => setProblem(reason(error)),
    );
  };
  return { items, problem, isConnected, more: next === null ? null : more };
}
