import { useCallback, useState } from "react";

import { type Fault, reason, Refused } from "./client";

export interface Deed {
  /** Does something; a second wish waits until the first is done. */
  readonly run: (deed: () => Promise<void>) => void;
  readonly busy: boolean;
  readonly problem: string | null;
  /** The same, by the fields that it is about. */
  readonly faults: readonly Fault[];
  /** The last problem was about fields, however many of them were changed since. */
  readonly hasFields: boolean;
  /** What was said of a field is of what stood there before. */
  readonly changed: (field: string) => void;
}

const NONE: readonly Fault[] = [];

/** What somebody asked for by a button: that it is under way, and why it failed. */
export function useDeed(): Deed {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [faults, setFaults] = useState(NONE);
  const [hasFields, setHasFields] = useState(false);
  const run = useCallback((deed: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    setFaults(NONE);
    setHasFields(false);
    deed()
      .catch((error: unknown) => {
        setProblem(reason(error));
        const told = error instanceof Refused ? error.faults : NONE;
        setFaults(told);
        setHasFields(told.length > 0);
      })
      .finally(() => setBusy(false));
  }, []);
  const changed = useCallback((field: string) => setFaults((before) => before.filter((fault) => fault.field !== field)), []);
  return { run, busy, problem, faults, hasFields, changed };
}
