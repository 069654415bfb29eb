import { describe, expect, it } from "vitest";
import { Smoother } from "../../src/core/smooth";
import type { Reading } from "../../src/types";

const reading = (probabilities: number[], known = 1): Reading => ({
  probabilities: Float32Array.from(probabilities),
  known,
});

describe("Smoother", () => {
  it("returns the first reading as it is", () => {
    const first = reading([0.3, 0.7], 0.9);
    expect(new Smoother().add(first)).toEqual(first);
  });

  it("weighs the new reading one half", () => {
    const smoother = new Smoother();
    smoother.add(reading([0.8, 0.2], 1));
    const { probabilities, known } = smoother.add(reading([0.6, 0.4], 0.5));
    expect(probabilities[0]).toBeCloseTo(0.7);
    expect(known).toBeCloseTo(0.75);
  });

  it("is not swayed by one doubtful frame", () => {
    const smoother = new Smoother();
    smoother.add(reading([0.9, 0.1]));
    const { probabilities } = smoother.add(reading([0.45, 0.55]));
    expect(probabilities[0]).toBeGreaterThan(probabilities[1]!);
  });

  it("starts anew when another flower is there for sure", () => {
    const smoother = new Smoother();
    smoother.add(reading([0.95, 0.05]));
    const other = reading([0.05, 0.95]);
    expect(smoother.add(other)).toEqual(other);
  });

  it("does not start anew for what is no flower at all", () => {
    const smoother = new Smoother();
    smoother.add(reading([0.95, 0.05], 1));
    expect(smoother.add(reading([0.05, 0.95], 0.1)).known).toBeCloseTo(0.55);
  });
});
