import type { RunSummary } from "../api/client";

/** Which runs a list shows. */
export interface RunFilter {
  readonly service: string | null;
  readonly state: string | null;
}

/** Most runs that a list keeps while it grows by itself. */
const MOST = 500;

/** A list, newest first, after a run has changed or was made. A run that fits no more is gone from it. */
export function changed(list: readonly RunSummary[], run: RunSummary, filter: RunFilter): RunSummary[] {
  const fits = (filter.service === null || run.service_name === filter.service) && (filter.state === null || run.state === filter.state);
  const at = list.findIndex((known) => known.id === run.id);
  if (at >= 0) {
    return fits ? list.with(at, run) : list.toSpliced(at, 1);
  }
  if (!fits) {
    return [...list];
  }
  const older = list.findIndex((known) => isNewer(run, known));
  return list.toSpliced(older < 0 ? list.length : older, 0, run).slice(0, MOST);
}

/** One page after another, without what both have. */
export function continued(list: readonly RunSummary[], older: readonly RunSummary[]): RunSummary[] {
  const known = new Set(list.map((run) => run.id));
  return [...list, ...older.filter((run) => !known.has(run.id))];
}

/** Ids are ordered by time; they decide between runs of one moment. */
function isNewer(run: RunSummary, other: RunSummary): boolean {
  return run.created_at === other.created_at ? run.id > other.id : Date.parse(run.created_at) > Date.parse(other.created_at);
}
