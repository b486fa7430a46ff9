import { useLocation } from "wouter";

import { moved } from "../workspace/rights";
import { useWorkspaces } from "../workspace/workspaces";
import { words } from "../words/workspaces";

/** Which workspace one looks at; choosing another one leads to the same kind of page there. */
export function Switcher() {
  const { all, current } = useWorkspaces();
  const [place, go] = useLocation();
  if (current === null) {
    return null;
  }
  return (
    <select aria-label={words.workspace} value={current.name} onChange={(event) => go(moved(place, event.target.value))}>
      {all.map(({ name }) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  );
}
