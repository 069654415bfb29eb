/** A small bundle for tests. */
import type { Artefact, Manifest } from "../src/types";

export const MODEL = new TextEncoder().encode("a model");
export const MODEL_SHA256 = "97ff8a35544dcf40ad84047074439dd6aa3a0be469ea578a1b1c017d939ec61c";

export function artefact(part: Partial<Artefact> = {}): Artefact {
  return {
    file: "toy_wi8_ai8.tflite",
    format: "tflite",
    scheme: "wi8_ai8",
    bytes: MODEL.length,
    sha256: MODEL_SHA256,
    dtypes: { image: "uint8", logits: "float32" },
    ...part,
  };
}

export function manifest(part: Partial<Manifest> = {}): Manifest {
  return {
    schema: "bombus/bundle@1",
    name: "toy",
    version: "1.0",
    task: "image-classification",
    license: "Apache-2.0",
    created: "2026-11-21T00:00:00Z",
    labels: ["daisy", "iris", "rose"],
    inputs: [{ name: "image", shape: [1, 8, 8, 3], dtype: "uint8", meaning: "photo" }],
    outputs: [{ name: "logits", shape: [1, 3], dtype: "float32", meaning: "logits" }],
    preprocess: { kind: "image", size: 8 },
    artefacts: [artefact()],
    default: { web: "toy_wi8_ai8.tflite" },
    ...part,
  };
}
