import { useEffect, useRef, useSyncExternalStore } from "react";
import { Link, Redirect, Route, Switch, useLocation } from "wouter";

import { signOut } from "./api/accounts";
import { session } from "./api/session";
import { AccountPage } from "./pages/account";
import { ForgePage } from "./pages/forge";
import { ForgesPage } from "./pages/forges";
import { JoinPage } from "./pages/join";
import { OauthBackPage } from "./pages/oauth-back";
import { RunPage } from "./pages/run";
import { RunsPage } from "./pages/runs";
import { ServicePage } from "./pages/service";
import { ServicesPage } from "./pages/services";
import { SignInPage } from "./pages/sign-in";
import { SignInBackPage } from "./pages/sign-in-back";
import { WorkersPage } from "./pages/workers";
import { Home, WorkspacesPage } from "./pages/workspaces";
import { Switcher } from "./parts/switcher";
import { words } from "./words";
import { words as account } from "./words/account";
import { words as forges } from "./words/forges";
import { words as workspaces } from "./words/workspaces";
import { at } from "./workspace/rights";
import { useWorkspaces, Within, Workspaces } from "./workspace/workspaces";

/** What anybody may see. */
const OPEN = /^\/(sign-in|join|oauth\/forge|sign-in\/back\/[^/]+)$/;

/** The whole page: who is signed in sees its parts, anybody else signs in and comes back to where they wanted to be. */
export function App() {
  const open = useSyncExternalStore(session.subscribe, session.isOpen);
  const [place] = useLocation();
  if (OPEN.test(place)) {
    return (
      <Main>
        <Route path="/sign-in" component={SignInPage} />
        <Route path="/sign-in/back/:provider">{({ provider }) => <SignInBackPage provider={provider} />}</Route>
        <Route path="/join" component={JoinPage} />
        <Route path="/oauth/forge" component={OauthBackPage} />
      </Main>
    );
  }
  if (!open) {
    return <Redirect to={`/sign-in?to=${encodeURIComponent(place)}`} />;
  }
  return (
    <Workspaces>
      <a className="skip" href="#main">
        {words.skip}
      </a>
      <Bar />
      <Main>
        <Pages />
      </Main>
    </Workspaces>
  );
}

function Pages() {
  return (
    <Switch>
      <Route path="/">
        <Home />
      </Route>
      <Route path="/services">
        <Home to="services" />
      </Route>
      <Route path="/runs/:run">{({ run }) => <RunPage key={run} id={run} />}</Route>
      <Route path="/workers" component={WorkersPage} />
      <Route path="/account" component={AccountPage} />
      <Route path="/workspaces" component={WorkspacesPage} />
      <Route path="/w/:name">{({ name }) => <Within name={name}>{(workspace) => <RunsPage workspace={workspace} />}</Within>}</Route>
      <Route path="/w/:name/services">
        {({ name }) => <Within name={name}>{(workspace) => <ServicesPage workspace={workspace} />}</Within>}
      </Route>
      <Route path="/w/:name/services/:service">
        {({ name, service }) => <Within name={name}>{(workspace) => <ServicePage key={service} workspace={workspace} name={service} />}</Within>}
      </Route>
      <Route path="/w/:name/forges">{({ name }) => <Within name={name}>{(workspace) => <ForgesPage workspace={workspace} />}</Within>}</Route>
      <Route path="/w/:name/forges/:forge">
        {({ name, forge }) => <Within name={name}>{(workspace) => <ForgePage key={forge} workspace={workspace} name={forge} />}</Within>}
      </Route>
      <Route>
        <p className="empty">{words.nothingHere}</p>
      </Route>
    </Switch>
  );
}

/** Whoever goes to another page by keyboard goes on at its beginning, and a screen reader reads it. */
function Main({ children }: { children: React.ReactNode }) {
  const main = useRef<HTMLElement>(null);
  const [place] = useLocation();
  const shown = useRef(place);
  useEffect(() => {
    if (shown.current !== place) {
      shown.current = place;
      main.current?.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
  }, [place]);
  return (
    <main id="main" ref={main} tabIndex={-1}>
      {children}
    </main>
  );
}

function Bar() {
  const { current } = useWorkspaces();
  const [place] = useLocation();
  const pages: (readonly [string, string])[] = [["/workers", words.workers]];
  if (current !== null) {
    pages.unshift([at(current.name), words.runs], [at(current.name, "services"), words.services], [at(current.name, "forges"), forges.forges]);
  }
  const isHere = (href: string) => place === href || (/^\/w\/[^/]+\/./.test(href) && place.startsWith(`${href}/`));
  return (
    <header className="bar">
      <Link href="/" className="brand">
        Circle
      </Link>
      <Switcher />
      <nav aria-label={words.pages}>
        {pages.map(([href, name]) => (
          <Link key={href} href={href} className={isHere(href) ? "here" : ""} aria-current={isHere(href) ? "page" : undefined}>
            {name}
          </Link>
        ))}
        <Link href="/workspaces" className={isHere("/workspaces") ? "here" : ""}>
          {workspaces.workspaces}
        </Link>
        <a href="/api/docs">{words.api}</a>
      </nav>
      <Link href="/account" className={isHere("/account") ? "here" : ""}>
        {account.account}
      </Link>
      <button type="button" className="quiet" onClick={() => void signOut()}>
        {words.signOut}
      </button>
    </header>
  );
}
