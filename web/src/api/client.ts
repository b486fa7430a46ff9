import createClient, { type Middleware } from "openapi-fetch";

import type { components, paths } from "./schema";
import { session } from "./session";

export type Schemas = components["schemas"];
export type RunView = Schemas["RunView"];
export type RunSummary = Schemas["RunSummary"];
export type StageView = Schemas["StageView"];
export type LogGroup = Schemas["LogGroup"];
export type LogLines = Schemas["LogLines"];

/** The workspace that a server makes at its first start; choosing among several comes with members and roles. */
export const WORKSPACE = "default";

/** What the server answered instead of what was asked: its own sentence, for people. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

const credential: Middleware = {
  onRequest({ request }) {
    const token = session.token();
    if (token !== null) {
      request.headers.set("authorization", `Bearer ${token}`);
    }
    return request;
  },
  onResponse({ response }) {
    if (response.status === 401) {
      session.end();
    }
  },
};

export const api = createClient<paths>({ baseUrl: "/" });
api.use(credential);

/** The data of an answer, or the reason as an error. */
export async function take<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok) {
    const detail = (error as { detail?: string } | undefined)?.detail;
    throw new Refused(detail ?? `${response.status} ${response.statusText}`, response.status);
  }
  return data as T;
}
