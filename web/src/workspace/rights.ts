import type { Schemas } from "../api/client";

export type Workspace = Schemas["WorkspaceView"];
export type Role = Workspace["role"];

/** What a member may do; each may do what those before it may. */
const ROLES: readonly Role[] = ["viewer", "developer", "releaser", "admin"];

/** Whether a role reaches; nobody's reaches nothing. */
export function may(role: Role | null | undefined, needs: Role): boolean {
  return role != null && ROLES.indexOf(role) >= ROLES.indexOf(needs);
}

/** The address of a page of a workspace: `/w/shop/services`. */
export function at(workspace: string, ...rest: string[]): string {
  return ["/w", workspace, ...rest].map((part, index) => (index === 0 ? part : encodeURIComponent(part))).join("/");
}

/** The workspace that an address names, if it does. */
export function named(place: string): string | null {
  const found = /^\/w\/([^/]+)/.exec(place);
  try {
    return found === null ? null : decodeURIComponent(found[1] ?? "");
  } catch {
    return null;
  }
}

/** The same kind of page in another workspace; what lies deeper is of the old one alone. */
export function moved(place: string, workspace: string): string {
  const [, kind] = /^\/w\/[^/]+\/(services|forges)(?:\/|$)/.exec(place) ?? [];
  return kind === undefined ? at(workspace) : at(workspace, kind);
}
