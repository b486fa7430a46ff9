import { useId, useRef } from "react";

interface Properties {
  readonly label: string;
  readonly question: string;
  readonly cancel: string;
  readonly busy?: boolean;
  readonly act: () => void;
}

/** A button for what cannot be taken back: it asks once more. */
export function Confirmed({ label, question, cancel, busy = false, act }: Properties) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const close = () => dialog.current?.close();
  return (
    <>
      <button type="button" className="danger" disabled={busy} onClick={() => dialog.current?.showModal()}>
        {label}
      </button>
      <dialog ref={dialog} aria-labelledby={id}>
        <p id={id}>{question}</p>
        <div className="buttons">
          <button type="button" className="quiet" onClick={close}>
            {cancel}
          </button>
          <button
            type="button"
            className="danger"
            onClick={() => {
              close();
              act();
            }}
          >
            {label}
          </button>
        </div>
      </dialog>
    </>
  );
}
