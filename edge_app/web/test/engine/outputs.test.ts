import { describe, expect, it } from "vitest";
import { assignOutputs } from "../../src/engine/outputs";
import { Problem, type TensorInfo } from "../../src/types";

const tensor = (name: string, shape: number[], meaning = name): TensorInfo => ({
  name,
  shape,
  dtype: "float32",
  meaning,
});
const LOGITS = tensor("logits", [1, 16]);
const MAP = tensor("map", [1, 7, 7, 16], "class-activation-map");
const FAMILIARITY = tensor("familiarity", [1, 1]);

describe("assignOutputs", () => {
  it("goes by the names, not by the order", () => {
    const found = [FAMILIARITY, MAP, LOGITS].map(({ name, shape }) => ({ name, shape }));
    expect(assignOutputs(found, [LOGITS, MAP, FAMILIARITY])).toEqual({
      logits: 2,
      probabilities: false,
      map: { index: 1, rows: 7, columns: 7 },
      familiarity: 0,
    });
  });

  it("goes by the shapes where a converter has renamed the outputs", () => {
    const found = [
      { name: "output_1", shape: [1, 7, 7, 16] },
      { name: "output_0", shape: [1, 16] },
    ];
    expect(assignOutputs(found, [LOGITS, MAP])).toMatchObject({ logits: 1, map: { index: 0 } });
  });

  it("tells probabilities from logits", () => {
    const output = tensor("scores", [1, 16], "probabilities");
    expect(assignOutputs([output], [output])).toEqual({ logits: 0, probabilities: true });
  });

  it.each([
    ["is missing", [{ name: "logits", shape: [1, 15] }], [LOGITS]],
    [
      "is ambiguous",
      [
        { name: "a", shape: [1, 16] },
        { name: "b", shape: [1, 16] },
      ],
      [LOGITS],
    ],
    ["is not named by the manifest", [{ name: "map", shape: [1, 7, 7, 16] }], [MAP]],
  ])("refuses a model whose class output %s", (_, found, wanted) => {
    expect(() => assignOutputs(found, wanted)).toThrow(Problem);
  });
});
