/** The binary messages of the live WebSocket: a header's length (4 bytes, big endian), the header as JSON, then the bytes. */
export type Header =
  | { frame: "chunk"; stage: string; attempt: number; sequence: number; offset: number; len: number }
  | { frame: "mark"; stage: string; attempt: number; offset: number; mark: Mark };

export type Mark =
  | { mark: "begin"; group: number; title: string }
  | { mark: "end"; group: number; exit_code: number | null; duration_ms: number };

export interface Frame {
  readonly header: Header;
  readonly bytes: Uint8Array;
}

/** Takes a message apart; throws when it is no sequence of frames. */
export function frames(message: ArrayBuffer): Frame[] {
  const view = new DataView(message);
  const text = new TextDecoder();
  const out: Frame[] = [];
  let at = 0;
  while (at < message.byteLength) {
    const length = view.getUint32(at);
    const header = JSON.parse(text.decode(new Uint8Array(message, at + 4, length))) as Header;
    at += 4 + length;
    const len = header.frame === "chunk" ? header.len : 0;
    out.push({ header, bytes: new Uint8Array(message, at, len) });
    at += len;
  }
  return out;
}
