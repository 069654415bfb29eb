import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseManifest, webArtefact } from "../../src/core/manifest";
import { Problem } from "../../src/types";
import { artefact, manifest } from "../bundle";

const problemOf = (json: unknown): Problem => {
  try {
    parseManifest(json);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("it was taken");
};

describe("parseManifest", () => {
  it("keeps what the app uses and passes over the rest", () => {
    const parsed = parseManifest({ ...manifest(), source: { keras_sha256: "x" }, novelty: 1 });
    expect(parsed).toEqual(manifest());
  });

  const shipped = new URL("../../../../models/flowers/manifest.json", import.meta.url);
  it.runIf(existsSync(shipped))("reads the bundle that ships", () => {
    const parsed = parseManifest(JSON.parse(readFileSync(shipped, "utf8")));
    expect(parsed.labels.length).toBeGreaterThan(2);
    expect(webArtefact(parsed).format).toBe("tflite");
  });

  it.each([
    ["no object", 7, "manifest"],
    ["null", null, "manifest"],
    ["another schema", { ...manifest(), schema: "bombus/bundle@2" }, "schema"],
    ["another task", { ...manifest(), task: "imu-noise-adaptation" }, "task"],
    ["a name with a path", { ...manifest(), name: "../x" }, "name"],
    ["no labels", { ...manifest(), labels: [] }, "labels"],
    ["a label that is no text", { ...manifest(), labels: ["a", 1, "c"] }, "labels[1]"],
    ["another number of labels", { ...manifest(), labels: ["a"] }, "logits"],
    ["another input", { ...manifest(), preprocess: { kind: "image", size: 9 } }, "inputs[0]"],
    ["no artefacts", { ...manifest(), artefacts: [] }, "artefacts"],
    ["a file outside", { ...manifest(), artefacts: [{ ...artefact(), file: "../a" }] }, "file"],
    ["no hash", { ...manifest(), artefacts: [{ ...artefact(), sha256: "abc" }] }, "sha256"],
    [
      "a temperature of 0",
      { ...manifest(), artefacts: [{ ...artefact(), calibration: { temperature: 0 } }] },
      "temperature",
    ],
    [
      "a threshold above 1",
      {
        ...manifest(),
        artefacts: [
          {
            ...artefact(),
            calibration: {
              temperature: 1,
              rejection: {
                weights: { bias: 0, log_top: 0, margin: 0, log_sum: 0 },
                reject_below: 2,
                sure_from: 2,
              },
            },
          },
        ],
      },
      "reject_below",
    ],
  ])("refuses %s and says where", (_, json, place) => {
    const problem = problemOf(json);
    expect(problem.code).toBe("model-unusable");
    expect(problem.message).toContain(place);
  });

  it("takes an absent familiarity weight for 0", () => {
    const weights = { bias: 1, log_top: 2, margin: 3, log_sum: 4 };
    const calibration = {
      temperature: 1,
      rejection: { weights, reject_below: 0.2, sure_from: 0.8, data: "x", n: 5 },
    };
    const parsed = parseManifest({
      ...manifest(),
      artefacts: [{ ...artefact(), calibration }],
    });
    const rejection = parsed.artefacts[0]!.calibration!.rejection!;
    expect(rejection.weights).toEqual({ ...weights, familiarity: 0 });
  });
});

describe("webArtefact", () => {
  const files = [
    artefact({ file: "a.keras", format: "keras", scheme: "f32" }),
    artefact({ file: "b.tflite", scheme: "f16" }),
    artefact({ file: "c.tflite", scheme: "wi8_ai8" }),
  ];

  it("is the manifest's choice, else int8, else any TFLite file", () => {
    const chosen = manifest({ artefacts: files, default: { web: "b.tflite" } });
    expect(webArtefact(chosen).file).toBe("b.tflite");
    expect(webArtefact(manifest({ artefacts: files, default: {} })).file).toBe("c.tflite");
    const floats = manifest({ artefacts: files.slice(0, 2), default: {} });
    expect(webArtefact(floats).file).toBe("b.tflite");
  });

  it("is never a file that the app cannot run", () => {
    const others = manifest({ artefacts: files.slice(0, 1), default: { web: "a.keras" } });
    expect(() => webArtefact(others)).toThrow(Problem);
  });
});
