import { useCallback, useEffect, useState } from "react";
import { Link, useLocation } from "wouter";

import { api, inOneSentence, reason, type Schemas, take } from "../api/client";
import { useDeed } from "../api/use-deed";
import { words } from "../words/services";
import { may, type Workspace } from "../workspace/rights";
import { Problem } from "./problem";
import { State } from "./state";
import { Ago } from "./time";

type Delivery = Schemas["DeliveryView"];

const PAGE = 10;
/** Until a list in which something is still to be understood is read again. */
const SETTLE_MS = 1_000;

interface Properties {
  readonly service: string;
  readonly workspace: Workspace;
  /** When it changes, something has arrived: the list is read anew. */
  readonly news: string | undefined;
}

/** What arrived for a service, what became of it and why; developers can have it handled again. */
export function Deliveries({ service, workspace, news }: Properties) {
  const [items, setItems] = useState<readonly Delivery[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const read = useCallback(
    async (cursor?: string) => {
      const query = { service, limit: PAGE, ...(cursor !== undefined && { cursor }) };
      const params = { path: { workspace: workspace.name }, query };
      try {
        const page = await take(api.GET("/api/v1/workspaces/{workspace}/deliveries", { params }));
        setItems((before) => (cursor === undefined ? page.items : [...(before ?? []), ...page.items]));
        setNext(page.next ?? null);
        setProblem(null);
      } catch (error) {
        setProblem(reason(error));
      }
    },
    [service, workspace.name],
  );
  useEffect(() => void read(), [read, news]);
  useEffect(() => {
    // A run is told of before its delivery says so.
    const waits = items?.some(({ state }) => state.name === "waiting") === true;
    const timer = waits ? setTimeout(() => void read(), SETTLE_MS) : undefined;
    return () => clearTimeout(timer);
  }, [items, read]);
  return (
    <section>
      <h2>{words.deliveries}</h2>
      <p className="hint">{words.deliveriesHelp}</p>
      <Problem text={problem} />
      {items?.length === 0 && <p className="empty">{words.noDeliveries}</p>}
      <ul className="rows" aria-label={words.deliveries}>
        {items?.map((delivery) => (
          <Row key={delivery.id} delivery={delivery} mayReplay={may(workspace.role, "developer")} handled={() => void read()} />
        ))}
      </ul>
      <div className="buttons">
        {next !== null && (
          <button type="button" className="quiet" onClick={() => void read(next)}>
            {words.older}
          </button>
        )}
        <button type="button" className="quiet" onClick={() => void read()}>
          {words.refresh}
        </button>
      </div>
    </section>
  );
}

function Row({ delivery, mayReplay, handled }: { delivery: Delivery; mayReplay: boolean; handled: () => void }) {
  const { state } = delivery;
  const [, go] = useLocation();
  const [note, setNote] = useState<string | null>(null);
  const { run, busy, problem } = useDeed();
  const replay = async () => {
    const params = { path: { delivery: delivery.id } };
    const { run } = await take(api.POST("/api/v1/deliveries/{delivery}/replay", { params }));
    if (run == null) {
      setNote(words.replayed);
      handled();
    } else {
      go(`/runs/${run.id}`);
    }
  };
  return (
    <li className="row">
      <span className="title">
        <State state={state.name === "run" ? "made" : state.name} text={words.deliveryStates[state.name] ?? state.name} />
      </span>
      <span className="facts why">
        {words.sources[delivery.source] ?? delivery.source} · <Ago at={delivery.received_at} />
        {"run" in state && (
          <>
            {" "}
            · <Link href={`/runs/${state.run}`}>{words.showRun}</Link>
          </>
        )}
        {"why" in state && <> · {state.why}</>}
        {"errors" in state && state.errors !== undefined && state.errors.length > 0 && <> ({inOneSentence(state.errors)})</>}
        {note !== null && <span role="status"> · {note}</span>}
      </span>
      {mayReplay && state.name !== "waiting" && delivery.source !== "approval" && (
        <button type="button" className="quiet" disabled={busy} onClick={() => run(replay)}>
          {words.replay}
        </button>
      )}
      <Problem text={problem} />
    </li>
  );
}
