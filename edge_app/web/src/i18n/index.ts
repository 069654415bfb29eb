/** The words of the interface: `t(key)` in the language that `useLanguage` loaded last. */
import type { Language, Species } from "../types";
import en from "./en";

export type Key = keyof typeof en;
export type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };
/** What every language must have: the keys of `en`, a plural where English has one. */
export type Messages = { [K in Key]: (typeof en)[K] extends string ? string : Plural };
export type Params = Record<string, string | number>;

/** Each language in its own words, as the settings list them. */
export const LANGUAGES: Record<Language, string> = {
  en: "English",
  es: "Español",
  de: "Deutsch",
  fr: "Français",
  tr: "Türkçe",
  zh: "中文",
};

const loaders: Record<Language, () => Promise<{ default: Messages }>> = {
  en: () => Promise.resolve({ default: en }),
  es: () => import("./es"),
  de: () => import("./de"),
  fr: () => import("./fr"),
  tr: () => import("./tr"),
  zh: () => import("./zh"),
};

/** One language's words, formats and species, loaded together so that a screen never mixes two. */
interface Tongue {
  language: Language;
  messages: Messages;
  plural: Intl.PluralRules;
  species: Map<string, Species>;
}

let tongue: Tongue = tongueOf("en", en, []);

function tongueOf(language: Language, messages: Messages, species: Species[]): Tongue {
  const byLabel = new Map(species.map((one) => [one.label, one]));
  return { language, messages, plural: new Intl.PluralRules(language), species: byLabel };
}

/** Switches to `language`; species pages that can't be had leave the names of the labels. */
export async function speak(language: Language): Promise<void> {
  const [messages, species] = await Promise.all([loaders[language](), fetchSpecies(language)]);
  tongue = tongueOf(language, messages.default, species);
  document.documentElement.lang = language;
}

async function fetchSpecies(language: Language): Promise<Species[]> {
  try {
    const answer = await fetch(`./species/${language}.json`);
    return answer.ok ? ((await answer.json()) as Species[]) : [];
  } catch {
    return [];
  }
}

/** The words for `key`, its `{placeholders}` filled; a plural is chosen by `params.n`. */
export function t(key: Key, params: Params = {}): string {
  const message: string | Plural = tongue.messages[key];
  const text =
    typeof message === "string"
      ? message
      : (message[tongue.plural.select(Number(params["n"] ?? 0))] ?? message.other);
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = params[name];
    return value === undefined ? whole : typeof value === "number" ? number(value) : value;
  });
}

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(tongue.language, { maximumFractionDigits: digits }).format(value);
}

export function percent(share: number, digits = 0): string {
  const format = { style: "percent", maximumFractionDigits: digits } as const;
  return new Intl.NumberFormat(tongue.language, format).format(share);
}

export function date(iso: string, timeStyle?: "short"): string {
  const format = timeStyle
    ? ({ dateStyle: "medium", timeStyle } as const)
    : { dateStyle: "medium" as const };
  return new Intl.DateTimeFormat(tongue.language, format).format(new Date(iso));
}

/** The name of month 1 to 12. */
export function month(index: number, style: "long" | "narrow" = "long"): string {
  const day = new Date(Date.UTC(2026, index - 1, 15));
  return new Intl.DateTimeFormat(tongue.language, { month: style, timeZone: "UTC" }).format(day);
}

/** All flowers that have a page. */
export function labelsWithPages(): string[] {
  return [...tongue.species.keys()];
}

export function speciesOf(label: string): Species | undefined {
  return tongue.species.get(label);
}

/** The common name of a label, or the label made readable where no page has it. */
export function nameOf(label: string): string {
  const plain = label.replace(/_/g, " ");
  return speciesOf(label)?.name ?? plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** Several names in a row, as the language writes them. */
export function listed(names: string[]): string {
  return new Intl.ListFormat(tongue.language, { type: "unit" }).format(names);
}

/** Whether every word searched for stands in `text`, whatever the case and the accents. */
export function hasWords(text: string, search: string): boolean {
  const plain = fold(text);
  return fold(search)
    .split(/\s+/)
    .every((word) => plain.includes(word));
}

/** In the language's own small letters: Turkish has two kinds of i. */
function fold(text: string): string {
  return text.toLocaleLowerCase(tongue.language).normalize("NFD").replace(/\p{Mn}/gu, "");
}

/** Names in the order of the language's alphabet. */
export function byName(a: string, b: string): number {
  return nameOf(a).localeCompare(nameOf(b), tongue.language);
}

/** The language of the device where the app speaks it, else English. */
export function deviceLanguage(wanted: readonly string[] = navigator.languages): Language {
  const known = wanted.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in LANGUAGES);
  return (known as Language | undefined) ?? "en";
}
