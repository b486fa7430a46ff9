import { useCallback, useEffect, useRef, useState } from "react";

export interface Data<T> {
  readonly value: T | null;
  readonly problem: string | null;
  readonly reload: () => void;
}

/** Loads something, and again every `everyMs` while the tab is seen. What was shown stays until the new is there. */
export function useData<T>(load: () => Promise<T>, everyMs?: number): Data<T> {
  const [value, setValue] = useState<T | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const latest = useRef(load);
  latest.current = load;
  const reload = useCallback(() => {
    latest.current().then(
      (loaded) => {
        setValue(loaded);
        setProblem(null);
      },
      (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)),
    );
  }, []);
  useEffect(() => {
    reload();
    if (everyMs === undefined) {
      return;
    }
    const timer = setInterval(() => document.visibilityState === "visible" && reload(), everyMs);
    return () => clearInterval(timer);
  }, [reload, everyMs]);
  return { value, problem, reload };
}
