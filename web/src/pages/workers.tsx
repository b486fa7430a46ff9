import { api, take } from "../api/client";
import { useData } from "../api/use-data";
import { Problem } from "../parts/problem";
import { State } from "../parts/state";
import { Ago } from "../parts/time";
import { words } from "../words";

/** Every worker: its size, what it does, when it was last heard of. */
export function WorkersPage() {
  const { value, problem } = useData(() => take(api.GET("/api/v1/workers")), 5_000);
  return (
    <section>
      <h1>{words.workers}</h1>
      <Problem text={problem} />
      {value?.items.length === 0 && <p className="empty">{words.noWorkers}</p>}
      <ul className="rows">
        {value?.items.map((worker) => (
          <li key={worker.id} className="row">
            <strong className="title">{worker.name}</strong>
            <State state={worker.state} />
            <span className="facts">
              {worker.runs.length}/{worker.max_cells} {words.cells} · {worker.cpus} CPU · {(worker.memory_bytes / 2 ** 30).toFixed(1)} GiB ·{" "}
              {worker.version}
            </span>
            <span className="when">
              {worker.seen_at != null && (
                <>
                  {words.lastSeen} <Ago at={worker.seen_at} />
                </>
              )}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
