import { useCallback, useEffect, useRef, useState } from "react";

import { reason } from "./client";

export interface Data<T> {
  readonly value: T | null;
  readonly problem: string | null;
  /** Looks again; done when that was shown. */
  readonly reload: () => Promise<void>;
}

/**
 * Loads something, and again every `everyMs` while the tab is seen. What was shown stays until the new is there, unless `of` says
 * that it is something else now.
 */
export function useData<T>(load: () => Promise<T>, everyMs?: number, of = ""): Data<T> {
  const [value, setValue] = useState<T | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const latest = useRef(load);
  latest.current = load;
  // Answers come in any order: only the last question's counts.
  const asked = useRef(0);
  const reload = useCallback(() => {
    const number = ++asked.current;
    const isLast = () => number === asked.current;
    return latest.current().then(
      (loaded) => {
        if (isLast()) {
          setValue(loaded);
          setProblem(null);
        }
      },
      (error: unknown) => {
        if (isLast()) {
          setProblem(reason(error));
        }
      },
    );
  }, []);
  useEffect(() => {
    setValue(null);
    setProblem(null);
    void reload();
    const timer = everyMs === undefined ? undefined : setInterval(() => document.visibilityState === "visible" && void reload(), everyMs);
    return () => {
      asked.current++;
      clearInterval(timer);
    };
  }, [reload, everyMs, of]);
  return { value, problem, reload };
}
