import { type Problem, problem, send } from "./accounts";
import type { Schemas } from "./client";
import { session } from "./session";

export type Identity = Schemas["IdentityView"];

/** The providers by which somebody can sign in, by name; none when the server does not say. */
export async function ways(): Promise<string[]> {
  const answer = await send("GET", "/api/v1/sign-in");
  if (answer?.ok !== true) {
    return [];
  }
  const said = (await answer.json()) as Schemas["SignInWays"];
  return said.providers.map((provider) => provider.name);
}

/** Leaves for the provider's page; the reason when that cannot be. */
export async function leave(provider: string, wish: Schemas["IdentityBegin"]): Promise<Problem> {
  const answer = await send("POST", way(provider), wish);
  if (answer?.ok !== true) {
    return problem(answer);
  }
  const begun = (await answer.json()) as Schemas["IdentityBegun"];
  // The server has looked at it already; a page must not be led to run a script all the same.
  if (!/^https?:\/\//.test(begun.authorize_url)) {
    return "the provider has no address";
  }
  window.location.assign(begun.authorize_url);
  return null;
}

/** Signs in with what the provider sent back: the page that is wanted now, or the reason. */
export async function arrive(provider: string, query: URLSearchParams): Promise<{ to: string } | { problem: string }> {
  const given = Object.fromEntries(["state", "code", "iss", "error"].map((name) => [name, query.get(name) ?? undefined]));
  const answer = await send("PUT", way(provider), { ...given, state: given.state ?? "" });
  if (answer?.ok !== true) {
    return { problem: (await problem(answer)) ?? "" };
  }
  const finished = (await answer.json()) as Schemas["IdentityFinished"];
  session.beginAccount(finished.account.name);
  return { to: finished.to };
}

function way(provider: string): string {
  return `/api/v1/sign-in/${encodeURIComponent(provider)}`;
}
