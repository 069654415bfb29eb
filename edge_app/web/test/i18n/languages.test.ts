/** What the types can't hold a translation to: its placeholders and its plural forms. */
import { describe, expect, it } from "vitest";
import de from "../../src/i18n/de";
import en from "../../src/i18n/en";
import es from "../../src/i18n/es";
import fr from "../../src/i18n/fr";
import type { Key, Messages, Plural } from "../../src/i18n/index";
import tr from "../../src/i18n/tr";
import zh from "../../src/i18n/zh";

type Message = string | Plural;

/** A message's forms: the only one, or those of a plural. */
function formsOf(message: Message): string[] {
  return typeof message === "string" ? [message] : Object.values(message);
}

function placeholdersOf(text: string): string[] {
  return [...new Set(text.match(/\{\w+\}/g))].sort();
}

describe.each<[string, Messages]>(Object.entries({ es, de, fr, tr, zh }))(
  "%s",
  (language, words) => {
    it("has the keys of English, in its order", () => {
      expect(Object.keys(words)).toEqual(Object.keys(en));
    });

    it("says every message, with the placeholders of English", () => {
      for (const key of Object.keys(en) as Key[]) {
        const [english = ""] = formsOf(en[key]);
        for (const form of formsOf(words[key])) {
          expect(form.trim(), key).not.toBe("");
          expect(placeholdersOf(form), key).toEqual(placeholdersOf(english));
        }
      }
    });

    it("uses plural forms that the language has", () => {
      const { pluralCategories } = new Intl.PluralRules(language).resolvedOptions();
      const plurals = Object.values<Message>(words).filter(
        (message) => typeof message !== "string",
      );
      const used = plurals.flatMap((message) => Object.keys(message));
      expect(pluralCategories).toEqual(expect.arrayContaining(used));
    });
  },
);
