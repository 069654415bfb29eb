/** A calibrated probability in words, which a number alone does not give. */
import type { Guess, Verdict } from "../types";
import { t, type Key } from "../i18n";

const STEPS: [from: number, words: Key][] = [
  [0.95, "verdict.almostCertain"],
  [0.8, "verdict.likely"],
  [0.5, "verdict.plausible"],
  [0.15, "verdict.possible"],
];

export function confidenceWords({ confidence }: Guess, { kind, known }: Verdict): string {
  // Where the flower may well be none of these, the likeliest of these is not "almost certain".
  const share = kind === "sure" ? confidence : confidence * known;
  const step = STEPS.find(([from]) => share >= from);
  return t(step ? step[1] : "verdict.unlikely");
}
