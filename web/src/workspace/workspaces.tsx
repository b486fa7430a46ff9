import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";

import { api, every, type Schemas, take } from "../api/client";
import { useData } from "../api/use-data";
import { words } from "../words/workspaces";
import type { Workspace } from "./rights";

const LAST = "circle-workspace";

interface Known {
  readonly account: Schemas["AccountView"];
  /** Those in which one has a role, by name. */
  readonly all: readonly Workspace[];
  /** The one that was looked at last, else the first. */
  readonly current: Workspace | null;
  readonly enter: (name: string) => void;
  readonly reload: () => Promise<void>;
}

const Context = createContext<Known | null>(null);

/** Learns who is signed in and where they are a member; what is inside can rely on it. */
export function Workspaces({ children }: { children: ReactNode }) {
  const { value, problem, reload } = useData(read);
  const [last, setLast] = useState(() => localStorage.getItem(LAST));
  const enter = useCallback((name: string) => {
    localStorage.setItem(LAST, name);
    setLast(name);
  }, []);
  const known = useMemo(() => {
    if (value === null) {
      return null;
    }
    const current = value.all.find(({ name }) => name === last) ?? value.all[0] ?? null;
    return { ...value, current, enter, reload };
  }, [value, last, enter, reload]);
  if (known === null) {
    return (
      <main className="empty" role="status">
        {problem ?? words.loading}
        {problem !== null && (
          <p>
            <button type="button" onClick={() => void reload()}>
              {words.again}
            </button>
          </p>
        )}
      </main>
    );
  }
  return <Context value={known}>{children}</Context>;
}

async function read() {
  const page = (cursor?: string) =>
    take(api.GET("/api/v1/workspaces", { params: { query: { limit: 200, ...(cursor !== undefined && { cursor }) } } }));
  const [account, all] = await Promise.all([take(api.GET("/api/v1/account")), every(page)]);
  return { account, all };
}

export function useWorkspaces(): Known {
  const known = useContext(Context);
  if (known === null) {
    throw new Error("a page stands outside of Workspaces");
  }
  return known;
}

/** Shows what needs a workspace, or that there is none of this name for whoever looks. */
export function Within({ name, children }: { name: string; children: (workspace: Workspace) => ReactNode }) {
  const { all, enter } = useWorkspaces();
  const workspace = all.find((one) => one.name === name);
  const found = workspace !== undefined;
  useEffect(() => {
    if (found) {
      enter(name);
    }
  }, [found, name, enter]);
  return workspace === undefined ? <p className="empty">{words.noneOfThisName(name)}</p> : children(workspace);
}
