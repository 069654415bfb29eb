/** "Not this one": what the plant really is, from the list or in free words. */
import { useEffect, useRef, useState } from "preact/hooks";
import { byName, nameOf, t } from "../i18n";
import { useApp } from "./context";

interface Props {
  /** The correction so far, "" for none. */
  value: string;
  onChoose: (correction: string) => void;
  onClose: () => void;
}

export function Correction({ value, onChoose, onClose }: Props) {
  const { labels } = useApp();
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState(labels.includes(value) ? "" : value);
  useEffect(() => dialog.current?.showModal(), []);

  function choose(correction: string) {
    onChoose(correction.trim());
    dialog.current?.close();
  }
  return (
    <dialog ref={dialog} class="sheet" aria-labelledby="correction-title" onClose={onClose}>
      <h2 id="correction-title">{t("correction.title")}</h2>
      <p class="small-print">{t("correction.hint")}</p>
      <div class="labels">
        {[...labels].sort(byName).map((label) => (
          <button
            key={label}
            type="button"
            class="button"
            aria-pressed={label === value}
            onClick={() => choose(label)}
          >
            {nameOf(label)}
          </button>
        ))}
      </div>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim()) choose(text);
        }}
      >
        <div class="field">
          <label for="correction-text">{t("correction.other")}</label>
          <input
            id="correction-text"
            type="text"
            maxLength={120}
            placeholder={t("correction.placeholder")}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </div>
        <div class="row">
          <button type="submit" class="button primary" disabled={!text.trim()}>
            {t("correction.save")}
          </button>
          {value && (
            <button type="button" class="button quiet" onClick={() => choose("")}>
              {t("correction.clear")}
            </button>
          )}
          <button type="button" class="button quiet" onClick={() => dialog.current?.close()}>
            {t("app.cancel")}
          </button>
        </div>
      </form>
    </dialog>
  );
}
