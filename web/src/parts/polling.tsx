import type { Schemas } from "../api/client";
import { words } from "../words/running";
import { Problem } from "./problem";
import { Ago } from "./time";

/** How a repository that cannot call is looked at, and what was seen. */
export function Polling({ poll }: { poll: Schemas["PollView"] }) {
  const times = [
    [words.looked, poll.looked_at],
    [words.changed, poll.changed_at],
    [words.nextLook, poll.next_at],
  ] as const;
  return (
    <section>
      <h2>{words.polling}</h2>
      <p className="facts">
        {words.polled(interval(poll.every_s))} {poll.refs == null ? words.pollsNothing : words.seen(poll.refs)}
        {times.map(
          ([name, at]) =>
            at != null && (
              <span key={name}>
                {" "}
                · {name} <Ago at={at} />
              </span>
            ),
        )}
      </p>
      <Problem text={poll.trouble == null ? null : words.trouble(poll.failures ?? 0, poll.trouble)} />
      {poll.pulls != null && <Pulls pulls={poll.pulls} />}
    </section>
  );
}

/** What the forge told of pull requests when it was asked. */
function Pulls({ pulls }: { pulls: Schemas["PullPollView"] }) {
  return (
    <>
      <p className="facts">
        {pulls.open == null ? words.pullsNothing : words.pulls(pulls.open)}
        {pulls.looked_at != null && (
          <span>
            {" "}
            · {words.looked} <Ago at={pulls.looked_at} />
          </span>
        )}
      </p>
      <Problem text={pulls.trouble == null ? null : words.pullTrouble(pulls.failures ?? 0, pulls.trouble)} />
    </>
  );
}

/** `90 s`, `5 min`, `2 h`: as somebody would have set it. */
function interval(seconds: number): string {
  if (seconds % 3600 === 0) {
    return `${seconds / 3600} h`;
  }
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}
