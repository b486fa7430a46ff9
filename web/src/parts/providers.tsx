import { useEffect, useState } from "react";

import { leave, ways } from "../api/identities";
import type { Schemas } from "../api/client";
import { words } from "../words/account";
import { Problem } from "./problem";

/** One button for each provider; nothing when there is none. `wish` is asked for when somebody presses one. */
export function Providers({ wish, verb, except = [], hint }: { wish: () => Schemas["IdentityBegin"] | null; verb: string; except?: string[]; hint?: string }) {
  const [all, setAll] = useState<string[]>([]);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    void ways().then(setAll);
  }, []);
  const shown = all.filter((name) => !except.includes(name));
  if (shown.length === 0) {
    return null;
  }
  const go = async (name: string) => {
    const wanted = wish();
    if (wanted !== null) {
      setProblem(await leave(name, wanted));
    }
  };
  return (
    <section className="beside" aria-label={words.or}>
      {hint !== undefined && <p className="hint">{hint}</p>}
      {shown.map((name) => (
        <button key={name} type="button" className="quiet" onClick={() => void go(name)}>
          {verb} {name}
        </button>
      ))}
      <Problem text={problem} />
    </section>
  );
}
