/** Observations for tests. */
import type { Observation } from "../../src/types";

export const JPEG = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 1, 2, 3, 0xff, 0xd9);

export function observation(part: Partial<Observation> = {}): Observation {
  return {
    id: "a-1",
    date: "2026-06-01T10:00:00.000Z",
    photos: [new Blob([JPEG], { type: "image/jpeg" })],
    verdict: {
      kind: "sure",
      known: 0.99,
      guesses: [
        { label: "iris", confidence: 0.9 },
        { label: "rose", confidence: 0.06 },
        { label: "tulip", confidence: 0.04 },
      ],
      photos: 1,
    },
    bundle: { name: "flowers", version: "0.1.0", artefact: "flowers_wi8_ai8.tflite" },
    ...part,
  };
}
