/** The person's choices. Where the browser keeps nothing, they last as long as the page. */
import { record, type Fields } from "../core/check";
import type { Language, Settings } from "../types";

const KEY = "bombus-settings";

const LANGUAGES: Language[] = ["en", "es", "de", "fr", "tr", "zh"];

/** @param language used until the person chooses another */
export function loadSettings(language: Language): Settings {
  const saved = read();
  const choice = <T>(key: keyof Settings, allowed: readonly T[], otherwise: T): T =>
    allowed.find((value) => value === saved[key]) ?? otherwise;
  return {
    language: choice("language", LANGUAGES, language),
    theme: choice("theme", ["auto", "light", "dark"] as const, "auto"),
    bundle: typeof saved["bundle"] === "string" ? saved["bundle"] : "",
    threads: choice("threads", [1, 2, 4] as const, 1),
    tipsSeen: choice("tipsSeen", [true, false], false),
  };
}

export function saveSettings(settings: Settings): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // Blocked or full: not worth a word.
  }
}

function read(): Fields {
  try {
    return record(JSON.parse(localStorage.getItem(KEY) ?? "{}"), KEY);
  } catch {
    return {};
  }
}
