import { useEffect, useRef, useState } from "react";
import { Link, useLocation } from "wouter";

import { arrive } from "../api/identities";
import { session } from "../api/session";
import { Problem } from "../parts/problem";
import { words } from "../words/account";
import { own } from "./sign-in";

/** Where an identity provider sends people back to: what it sent along works once, and leaves the address at once. */
export function SignInBackPage({ provider }: { provider: string }) {
  const [problem, setProblem] = useState<string | null>(null);
  const [wasOpen] = useState(session.isOpen);
  const [, go] = useLocation();
  const begun = useRef(false);
  useEffect(() => {
    if (begun.current) {
      return;
    }
    begun.current = true;
    const query = new URLSearchParams(window.location.search);
    window.history.replaceState(null, "", window.location.pathname);
    void arrive(provider, query).then((arrived) => {
      if ("problem" in arrived) {
        setProblem(arrived.problem);
      } else {
        go(own(arrived.to), { replace: true });
      }
    });
  }, [provider, go]);
  if (problem === null) {
    return (
      <p className="empty" role="status">
        {words.signingIn}
      </p>
    );
  }
  return (
    <div className="card narrow">
      <h1>{wasOpen ? words.notLinked : words.notSignedIn}</h1>
      <Problem text={problem} />
      <p>
        <Link href={wasOpen ? "/account" : "/sign-in"}>{wasOpen ? words.toAccount : words.toSignIn}</Link>
      </p>
    </div>
  );
}
