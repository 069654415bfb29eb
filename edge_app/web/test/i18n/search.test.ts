/** Searching the lists: case and accents don't matter, in any language's alphabet. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { hasWords, listed, speak } from "../../src/i18n/index";

beforeEach(() => {
  vi.stubGlobal("document", { documentElement: {} });
  vi.stubGlobal("fetch", () => Promise.resolve(new Response("[]")));
});
afterEach(() => vi.unstubAllGlobals());

it("finds every word, in any order", async () => {
  await speak("en");
  expect(hasWords("Black-eyed Susan Rudbeckia hirta", "hirta susan")).toBe(true);
  expect(hasWords("Black-eyed Susan Rudbeckia hirta", "susan rose")).toBe(false);
  expect(hasWords("Rose", "")).toBe(true);
});

it("passes over accents", async () => {
  await speak("es");
  expect(hasWords("Nenúfar", "nenufar")).toBe(true);
  expect(hasWords("Nenufar", "NENÚFAR")).toBe(true);
});

it("knows the Turkish i", async () => {
  await speak("tr");
  expect(hasWords("İris", "iris")).toBe(true);
  expect(hasWords("Işık", "ışık")).toBe(true);
});

it("writes a row of names as the language does", async () => {
  await speak("zh");
  expect(listed(["金盏花", "金盏菊"])).not.toContain(", ");
  await speak("de");
  expect(listed(["Rose", "Iris"])).toBe("Rose, Iris");
});
