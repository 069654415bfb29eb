/** From a model's raw outputs to what is said to a person. The formulas: docs/bundle-format.md. */
import type { Artefact, Guess, Outputs, Reading, Rejection, Verdict, VerdictKind } from "../types";

const GUESSES = 3;

/** Where a bundle cannot tell strangers: below this best probability the verdict is "not sure". */
const SURE_WITHOUT_REJECTION = 0.5;

/** softmax(logits / temperature) */
export function softmax(logits: Float32Array, temperature = 1): Float32Array {
  const highest = Math.max(...logits);
  const raised = Float64Array.from(logits, (z) => Math.exp((z - highest) / temperature));
  const sum = raised.reduce((a, b) => a + b, 0);
  return Float32Array.from(raised, (value) => value / sum);
}

/** Probability that the photo shows one of the bundle's classes at all. */
export function knownOf({ logits, familiarity = 0 }: Outputs, { weights }: Rejection): number {
  const [z1 = 0, z2 = 0] = Float64Array.from(logits).sort().reverse();
  const rest = logits.reduce((sum, z) => sum + Math.exp(z - z1), 0);
  const logSum = z1 + Math.log(rest);
  const score =
    weights.bias +
    weights.log_top * (z1 - logSum) +
    weights.margin * (z1 - z2) +
    weights.log_sum * logSum +
    weights.familiarity * familiarity;
  return 1 / (1 + Math.exp(-score));
}

/** One photo's calibrated answer. */
export function readingOf(outputs: Outputs, { calibration }: Artefact): Reading {
  return {
    probabilities: softmax(outputs.logits, calibration?.temperature),
    known: calibration?.rejection ? knownOf(outputs, calibration.rejection) : 1,
  };
}

/** Several photos of one plant as one reading: the mean. */
export function fuse(readings: readonly Reading[]): Reading {
  const [one, ...others] = readings;
  if (!one) throw new RangeError("nothing to fuse");
  const sums = Float64Array.from(one.probabilities);
  for (const { probabilities } of others) probabilities.forEach((p, k) => (sums[k]! += p));
  return {
    probabilities: Float32Array.from(sums, (sum) => sum / readings.length),
    known: readings.reduce((sum, { known }) => sum + known, 0) / readings.length,
  };
}

/** What is said of the photos of one plant. */
export function verdictOf(
  readings: Reading | readonly Reading[],
  labels: readonly string[],
  rejection?: Rejection,
): Verdict {
  const all = "known" in readings ? [readings] : readings;
  const { probabilities, known } = fuse(all);
  const guesses = Array.from(probabilities, (confidence, k): Guess => {
    return { label: labels[k] ?? String(k), confidence };
  })
    .sort((a, b) => b.confidence - a.confidence)
    .slice(0, GUESSES);
  return {
    kind: kindOf(known, guesses[0]?.confidence ?? 0, rejection),
    known,
    guesses,
    photos: all.length,
  };
}

function kindOf(known: number, best: number, rejection: Rejection | undefined): VerdictKind {
  if (!rejection) return best < SURE_WITHOUT_REJECTION ? "unsure" : "sure";
  if (known < rejection.reject_below) return "unknown";
  return known < rejection.sure_from ? "unsure" : "sure";
}
