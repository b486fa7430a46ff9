import { useCallback, useState } from "react";

import { type Fault, reason, Refused } from "./client";

export interface Deed {
  /** Does something; a second wish waits until the first is done. */
  readonly run: (deed: () => Promise<void>) => void;
  readonly busy: boolean;
  readonly problem: string | null;
  /** The same, by the fields that it is about. */
  readonly faults: readonly Fault[];
}

const NONE: readonly Fault[] = [];

/** What somebody asked for by a button: that it is under way, and why it failed. */
export function useDeed(): Deed {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [faults, setFaults] = useState(NONE);
  const run = useCallback((deed: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    setFaults(NONE);
    deed()
      .catch((error: unknown) => {
        setProblem(reason(error));
        setFaults(error instanceof Refused ? error.faults : NONE);
      })
      .finally(() => setBusy(false));
  }, []);
  return { run, busy, problem, faults };
}
