import { session } from "./session";

/** The server's own sentence, or nothing when all went well. */
export type Problem = string | null;

export async function send(method: string, path: string, body?: unknown): Promise<Response | null> {
  const headers = { "content-type": "application/json" };
  return fetch(path, { method, headers, body: body === undefined ? null : JSON.stringify(body) }).catch(() => null);
}

export async function problem(answer: Response | null): Promise<Problem> {
  if (answer?.ok === true) {
    return null;
  }
  const said = await answer?.json().catch(() => null);
  return (said as { detail?: string } | null)?.detail ?? "the server does not answer";
}

/** Signs in with an account; the answer sets the cookie. */
export async function signIn(name: string, password: string): Promise<Problem> {
  const answer = await send("POST", "/api/v1/session", { name, password });
  if (answer?.ok === true) {
    session.beginAccount(name);
  }
  return problem(answer);
}

/** Uses a one-time link up and signs in; a link for a new password names its account itself. */
export async function redeem(link: string, name: string | null, password: string): Promise<Problem> {
  const answer = await send("POST", "/api/v1/links", { link, name: name ?? undefined, password });
  if (answer?.ok !== true) {
    return problem(answer);
  }
  const account = (await answer.json()) as { name: string };
  return signIn(account.name, password);
}

/** A token only has to be forgotten; a session ends at the server. */
export async function signOut(): Promise<void> {
  if (session.token() === null) {
    await send("DELETE", "/api/v1/session");
  }
  session.end();
}
