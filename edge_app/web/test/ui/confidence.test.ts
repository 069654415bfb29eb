import { expect, it } from "vitest";
import type { Verdict } from "../../src/types";
import { confidenceWords } from "../../src/ui/confidence";

const verdict = (kind: Verdict["kind"], known: number): Verdict => {
  return { kind, known, guesses: [], photos: 1 };
};
const words = (confidence: number, of: Verdict) =>
  confidenceWords({ label: "rose", confidence }, of);

it.each([
  [1, "almost certain"],
  [0.95, "almost certain"],
  [0.94, "likely"],
  [0.5, "plausible"],
  [0.2, "possible"],
  [0.01, "unlikely"],
])("says %d in words", (confidence, expected) => {
  expect(words(confidence, verdict("sure", 0.9))).toBe(expected);
});

it("is never almost certain of a flower that may be none of them", () => {
  expect(words(0.99, verdict("unsure", 0.5))).toBe("possible");
  expect(words(0.99, verdict("unknown", 0.1))).toBe("unlikely");
});
