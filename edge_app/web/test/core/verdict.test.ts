import { describe, expect, it } from "vitest";
import { fuse, knownOf, readingOf, softmax, verdictOf } from "../../src/core/verdict";
import type { Artefact, Outputs, Reading, Rejection } from "../../src/types";

const LABELS = ["daisy", "iris", "rose", "tulip"];
const rejection: Rejection = {
  weights: { bias: -1, log_top: 0.5, margin: 0.25, log_sum: 0.125, familiarity: 2 },
  reject_below: 0.3,
  sure_from: 0.7,
};

const outputs = (logits: number[], familiarity?: number): Outputs => ({
  logits: Float32Array.from(logits),
  milliseconds: 1,
  ...(familiarity === undefined ? {} : { familiarity }),
});
const reading = (probabilities: number[], known = 1): Reading => ({
  probabilities: Float32Array.from(probabilities),
  known,
});
const artefact = (calibration?: Artefact["calibration"]): Artefact => ({
  file: "m.tflite",
  format: "tflite",
  scheme: "wi8_ai8",
  bytes: 1,
  sha256: "0".repeat(64),
  dtypes: {},
  ...(calibration ? { calibration } : {}),
});

describe("softmax", () => {
  it("divides the logits by the temperature", () => {
    const [a, b] = softmax(Float32Array.of(2, 0), 0.5);
    expect(a! / b!).toBeCloseTo(Math.exp(4), 3);
    expect(a! + b!).toBeCloseTo(1);
  });

  it("bears logits of any size", () => {
    expect([...softmax(Float32Array.of(1e30, -1e30, 0))]).toEqual([1, 0, 0]);
    expect([...softmax(Float32Array.of(-5000, -5000))]).toEqual([0.5, 0.5]);
  });
});

describe("knownOf", () => {
  it("is the logistic model of models/rejection.py", () => {
    // The number is that of models.rejection.known.
    const weights = { bias: -1, log_top: 0.5, margin: 0.25, log_sum: 0.125, familiarity: 0.5 };
    const known = knownOf(outputs([0.5, 3, -1, 2], 0.75), { ...rejection, weights });
    expect(known).toBeCloseTo(0.46405353, 7);
  });

  it("counts an absent familiarity as 0", () => {
    expect(knownOf(outputs([1, 2]), rejection)).toBe(knownOf(outputs([1, 2], 0), rejection));
  });

  it("stays within 0 and 1 for extreme outputs", () => {
    expect(knownOf(outputs([1, 2], 1e6), rejection)).toBe(1);
    expect(knownOf(outputs([1, 2], -1e6), rejection)).toBe(0);
  });
});

describe("readingOf", () => {
  it("uses the artefact's temperature for the classes and the raw logits for known", () => {
    const hot = readingOf(outputs([3, 1]), artefact({ temperature: 2, rejection }));
    expect(hot.probabilities[0]).toBeCloseTo(1 / (1 + Math.exp(-1)));
    expect(hot.known).toBe(knownOf(outputs([3, 1]), rejection));
  });

  it("takes everything for known where the bundle cannot tell", () => {
    expect(readingOf(outputs([3, 1]), artefact()).known).toBe(1);
    expect(readingOf(outputs([3, 1]), artefact({ temperature: 1 })).known).toBe(1);
  });
});

describe("verdictOf", () => {
  it("lists the three likeliest, the best first", () => {
    const verdict = verdictOf(reading([0.1, 0.6, 0.05, 0.25]), LABELS);
    expect(verdict.guesses.map(({ label }) => label)).toEqual(["iris", "tulip", "daisy"]);
    expect(verdict.guesses[0]!.confidence).toBeCloseTo(0.6);
    expect(verdict.photos).toBe(1);
  });

  it("breaks a tie by the order of the labels, as Python does", () => {
    const { guesses } = verdictOf(reading([0.25, 0.25, 0.25, 0.25]), LABELS);
    expect(guesses.map(({ label }) => label)).toEqual(["daisy", "iris", "rose"]);
  });

  it.each([
    [0.29, "unknown"],
    [0.3, "unsure"],
    [0.69, "unsure"],
    [0.7, "sure"],
  ])("known %f is %s", (known, kind) => {
    expect(verdictOf(reading([0.4, 0.3, 0.2, 0.1], known), LABELS, rejection).kind).toBe(kind);
  });

  it("goes by the best probability where there is no rejection", () => {
    expect(verdictOf(reading([0.49, 0.3, 0.2, 0.01]), LABELS).kind).toBe("unsure");
    expect(verdictOf(reading([0.5, 0.3, 0.2, 0]), LABELS).kind).toBe("sure");
  });

  it("fuses several photos of one plant by their mean", () => {
    const both = [reading([1, 0, 0, 0], 1), reading([0, 0.5, 0.5, 0], 0.2)];
    const verdict = verdictOf(both, LABELS, rejection);
    expect(verdict.photos).toBe(2);
    expect(verdict.known).toBeCloseTo(0.6);
    expect(verdict.kind).toBe("unsure");
    expect(verdict.guesses[0]).toEqual({ label: "daisy", confidence: 0.5 });
  });
});

describe("fuse", () => {
  it("leaves one reading as it is, and refuses none", () => {
    const one = reading([0.2, 0.8], 0.4);
    expect(fuse([one])).toEqual(one);
    expect(() => fuse([])).toThrow(RangeError);
  });
});
