import { useSyncExternalStore } from "react";
import { Link, Redirect, Route, Switch, useLocation } from "wouter";

import { signOut } from "./api/accounts";
import { session } from "./api/session";
import { AccountPage } from "./pages/account";
import { JoinPage } from "./pages/join";
import { RunPage } from "./pages/run";
import { RunsPage } from "./pages/runs";
import { ServicesPage } from "./pages/services";
import { SignInPage } from "./pages/sign-in";
import { SignInBackPage } from "./pages/sign-in-back";
import { WorkersPage } from "./pages/workers";
import { words } from "./words";
import { words as account } from "./words/account";

/** What anybody may see. */
const OPEN = /^\/(sign-in|join|sign-in\/back\/[^/]+)$/;

/** The whole page: who is signed in sees its parts, anybody else signs in and comes back to where they wanted to be. */
export function App() {
  const open = useSyncExternalStore(session.subscribe, session.isOpen);
  const [place] = useLocation();
  if (!open && !OPEN.test(place)) {
    return <Redirect to={`/sign-in?to=${encodeURIComponent(place)}`} />;
  }
  return (
    <>
      <a className="skip" href="#main">
        {words.skip}
      </a>
      {open && <Bar />}
      <main id="main">
        <Switch>
          <Route path="/sign-in" component={SignInPage} />
          <Route path="/sign-in/back/:provider">{({ provider }) => <SignInBackPage provider={provider} />}</Route>
          <Route path="/join" component={JoinPage} />
          <Route path="/account" component={AccountPage} />
          <Route path="/" component={RunsPage} />
          <Route path="/runs/:run">{({ run }) => <RunPage key={run} id={run} />}</Route>
          <Route path="/services" component={ServicesPage} />
          <Route path="/workers" component={WorkersPage} />
          <Route>
            <p className="empty">{words.nothingHere}</p>
          </Route>
        </Switch>
      </main>
    </>
  );
}

function Bar() {
  return (
    <header className="bar">
      <Link href="/" className="brand">
        Circle
      </Link>
      <nav aria-label={words.pages}>
        {[
          ["/", words.runs],
          ["/services", words.services],
          ["/workers", words.workers],
        ].map(([href, name]) => (
          <Link key={href} href={href as string} className={(active) => (active ? "here" : "")}>
            {name}
          </Link>
        ))}
        <a href="/api/docs">{words.api}</a>
      </nav>
      <Link href="/account" className={(active) => (active ? "here" : "")}>
        {account.account}
      </Link>
      <button type="button" className="quiet" onClick={() => void signOut()}>
        {words.signOut}
      </button>
    </header>
  );
}
