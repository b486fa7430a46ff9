/**
 * Connecting a forge by OAuth begins on one page and ends on another, with the forge in between. What this browser began, it remembers by
 * its state; the address that it comes back to is believed in nothing else.
 */
const BEGUN = "circle-oauth";
/** The server forgets it after so long. */
const LIFE_MS = 600_000;

export interface Begun {
  readonly state: string;
  readonly workspace: string;
  readonly forge: string;
  readonly at: number;
}

/** Remembers what leads to the forge's page. */
export function remember(authorizeUrl: string, workspace: string, forge: string, now = Date.now()): void {
  const state = new URL(authorizeUrl).searchParams.get("state") ?? "";
  sessionStorage.setItem(BEGUN, JSON.stringify({ state, workspace, forge, at: now } satisfies Begun));
}

/** What was begun with this state, once. */
export function recall(state: string | null, now = Date.now()): Begun | null {
  const known = parsed(sessionStorage.getItem(BEGUN));
  if (known === null || known.state === "" || known.state !== state) {
    return null;
  }
  sessionStorage.removeItem(BEGUN);
  return now - known.at < LIFE_MS ? known : null;
}

function parsed(text: string | null): Begun | null {
  try {
    return text === null ? null : (JSON.parse(text) as Begun);
  } catch {
    return null;
  }
}

/** What the server takes: the forge's code in hex, so that it has no character to lose, and the state. */
export function codeOf(code: string, state: string): string {
  const hex = Array.from(new TextEncoder().encode(code), (byte) => byte.toString(16).padStart(2, "0"));
  return `${hex.join("")}.${state}`;
}
