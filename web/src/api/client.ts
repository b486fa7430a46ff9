import createClient, { type Middleware } from "openapi-fetch";

import type { components, paths } from "./schema";
import { session } from "./session";

export type Schemas = components["schemas"];
export type RunView = Schemas["RunView"];
export type RunSummary = Schemas["RunSummary"];
export type StageView = Schemas["StageView"];
export type LogGroup = Schemas["LogGroup"];
export type LogLines = Schemas["LogLines"];

/** What is wrong with one field of a request. */
export interface Fault {
  /** Absent when it is about the whole. */
  readonly field?: string | null | undefined;
  readonly message: string;
}

/** What the server answered instead of what was asked: its own sentence, for people. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly faults: readonly Fault[] = [],
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
    throw new Refused(sentenceOf(error) ?? `${response.status} ${response.statusText}`, response.status, faultsOf(error));
  }
  return data as T;
}

/** A problem document's sentence, with what it says of single fields. */
function sentenceOf(problem: unknown): string | undefined {
  return inOneSentence(faultsOf(problem)) ?? (problem as { detail?: string } | undefined)?.detail;
}

function faultsOf(problem: unknown): Fault[] {
  const said = problem as { errors?: Fault[] } | undefined;
  return said?.errors ?? [];
}

/** Faults that have no field to stand at; nothing when there are none. */
export function inOneSentence(faults: readonly Fault[]): string | undefined {
  const told = faults.map(({ field, message }) => (field == null ? message : `${field}: ${message}`));
  return told.length > 0 ? told.join("; ") : undefined;
}

/** Why something failed, for people. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Every item of a list that comes in pages. */
export async function every<T>(page: (cursor?: string) => Promise<{ items: T[]; next?: string | null }>): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | undefined;
  do {
    const { items, next } = await page(cursor);
    all.push(...items);
    cursor = next ?? undefined;
  } while (cursor !== undefined);
  return all;
}
