import { useCallback, useState } from "react";

import { reason } from "./client";

export interface Deed {
  /** Does something; a second wish waits until the first is done. */
  readonly run: (deed: () => Promise<void>) => void;
  readonly busy: boolean;
  readonly problem: string | null;
}

/** What somebody asked for by a button: that it is under way, and why it failed. */
export function useDeed(): Deed {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const run = useCallback((deed: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    deed()
      .catch((error: unknown) => setProblem(reason(error)))
      .finally(() => setBusy(false));
  }, []);
  return { run, busy, problem };
}
