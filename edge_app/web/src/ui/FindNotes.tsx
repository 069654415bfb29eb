/** The person's own words on a find, kept as soon as the field is left. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Observation } from "../types";
import { t } from "../i18n";
import { useApp } from "./context";
import type { Edit } from "./find";

/** A pause of so many milliseconds in the typing saves, too. */
const PAUSE = 1500;

export function FindNotes({ find, edit }: { find: Observation; edit: Edit }) {
  const { report } = useApp();
  const [text, setText] = useState(find.notes ?? "");
  const [saved, setSaved] = useState(false);
  const kept = useRef(text);
  const latest = useRef(text);
  latest.current = text;

  async function save() {
    const notes = latest.current;
    if (notes === kept.current) return;
    kept.current = notes;
    try {
      await edit((now) => ({ ...now, notes }));
      setSaved(true);
    } catch (error) {
      kept.current = ""; // so that the next pause tries again
      report(error);
    }
  }
  const run = useRef(save);
  run.current = save;
  useEffect(() => {
    const timer = setTimeout(() => void run.current(), PAUSE);
    return () => clearTimeout(timer);
  }, [text]);
  useEffect(() => () => void run.current(), []);

  return (
    <div class="field">
      <label for="notes">{t("history.notes")}</label>
      <textarea
        id="notes"
        rows={4}
        maxLength={4000}
        placeholder={t("history.notesPlaceholder")}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setSaved(false);
        }}
        onBlur={() => void save()}
      />
      <p class="small-print" role="status">
        {saved ? t("history.notesSaved") : ""}
      </p>
    </div>
  );
}
