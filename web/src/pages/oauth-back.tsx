import { useEffect, useState } from "react";
import { Link, useLocation } from "wouter";

import { api, take } from "../api/client";
import { codeOf, recall } from "../api/oauth-flow";
import { useDeed } from "../api/use-deed";
import { CopyField } from "../parts/copy-field";
import { Problem } from "../parts/problem";
import { useTitle } from "../parts/title";
import { words } from "../words/forges";
import { at } from "../workspace/rights";

/**
 * Where a forge sends people back to who let Circle in. What this very tab began it finishes; anything else is only shown, so that nobody
 * connects a forge for somebody else by following a link.
 */
export function OauthBackPage() {
  const [answer] = useState(() => new URLSearchParams(window.location.search));
  const [begun] = useState(() => recall(answer.get("state")));
  const [, go] = useLocation();
  const { run, problem } = useDeed();
  const [code, state] = [answer.get("code"), answer.get("state")];
  useTitle(words.connect);
  useEffect(() => {
    // The code works once; it has nothing to do in the history.
    window.history.replaceState(null, "", window.location.pathname);
    if (begun !== null && code !== null) {
      run(async () => {
        const params = { path: { workspace: begun.workspace } };
        const body = { code: codeOf(code, begun.state) };
        const forge = await take(api.PUT("/api/v1/workspaces/{workspace}/oauth/forges", { params, body }));
        go(at(begun.workspace, "forges", forge.name), { replace: true });
      });
    }
  }, [begun, code, go, run]);
  const forges = begun === null ? "/" : at(begun.workspace, "forges");
  if (code === null || state === null) {
    return (
      <section className="card narrow">
        <h1>{words.notLetIn}</h1>
        <Problem text={answer.get("error_description") ?? answer.get("error")} />
        <p>{words.notLetInHelp}</p>
        <Link href={forges}>{words.back}</Link>
      </section>
    );
  }
  if (begun === null) {
    return (
      <section className="card narrow">
        <h1>{words.letIn}</h1>
        <p>{words.otherBrowser}</p>
        <CopyField label={words.code} text={codeOf(code, state)} />
        <p className="hint">
          <code>circle forge finish CODE</code>
        </p>
      </section>
    );
  }
  return (
    <section className="card narrow">
      <h1>{problem === null ? words.viaOauth : words.notLetIn}</h1>
      <Problem text={problem} />
      {problem !== null && <Link href={forges}>{words.back}</Link>}
    </section>
  );
}
