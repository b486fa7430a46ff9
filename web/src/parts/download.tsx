import { useState } from "react";

import { reason } from "../api/client";
import { session } from "../api/session";
import { Problem } from "./problem";

interface Properties {
  /** A route that answers with bytes. */
  readonly path: string;
  /** The name of the file. */
  readonly file: string;
  readonly label: string;
}

/** A link to bytes. A cookie goes along with a link and the browser streams it; a token does not, so the page fetches for it. */
export function Download({ path, file, label }: Properties) {
  const [problem, setProblem] = useState<string | null>(null);
  const token = session.token();
  if (token === null) {
    return (
      <a className="download" href={path} download={file}>
        {label}
      </a>
    );
  }
  const fetchIt = async () => {
    try {
      const answer = await fetch(path, { headers: { Authorization: `Bearer ${token}` } });
      if (!answer.ok) {
        const told = (await answer.json()) as { detail?: string; title?: string };
        throw new Error(told.detail ?? told.title ?? answer.statusText);
      }
      keep(await answer.blob(), file);
      setProblem(null);
    } catch (error) {
      setProblem(reason(error));
    }
  };
  return (
    <>
      <button type="button" className="quiet" onClick={() => void fetchIt()}>
        {label}
      </button>
      {problem !== null && <Problem text={problem} />}
    </>
  );
}

/** Lets the browser keep it under this name. */
function keep(bytes: Blob, file: string): void {
  const address = URL.createObjectURL(bytes);
  const link = document.createElement("a");
  link.href = address;
  link.download = file;
  link.click();
  URL.revokeObjectURL(address);
}
