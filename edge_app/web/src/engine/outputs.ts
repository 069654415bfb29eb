/** Finds a manifest's outputs among those of a model file, whose order is of no meaning. */
import { CLASS_OUTPUTS } from "../core/manifest";
import { Problem, type TensorInfo } from "../types";

/** Positions in the model's list of outputs. */
export interface OutputIndices {
  logits: number;
  /** The class output holds probabilities, not logits. */
  probabilities: boolean;
  map?: { index: number; rows: number; columns: number };
  familiarity?: number;
}

interface Found {
  name: string;
  shape: number[];
}

/**
 * By name; where a converter has renamed them, by a shape that only one of them has.
 *
 * @throws Problem "model-unusable" if one of them is not to be told
 */
export function assignOutputs(
  found: readonly Found[],
  wanted: readonly TensorInfo[],
): OutputIndices {
  const indexOf = ({ name, shape }: TensorInfo): number => {
    const ofShape = found.filter((one) => String(one.shape) === String(shape));
    const one = ofShape.find((output) => output.name === name);
    if (one) return found.indexOf(one);
    const [only, ...others] = ofShape;
    if (only && !others.length) return found.indexOf(only);
    throw new Problem("model-unusable", `the model has no output "${name}" of shape [${shape}]`);
  };
  const meaning = (...words: string[]) => wanted.find((output) => words.includes(output.meaning));
  const classes = meaning(...CLASS_OUTPUTS);
  if (!classes) throw new Problem("model-unusable", "the manifest names no logits");
  const map = meaning("class-activation-map");
  const familiarity = meaning("familiarity");
  const [, rows = 0, columns = 0] = map?.shape ?? [];
  return {
    logits: indexOf(classes),
    probabilities: classes.meaning === "probabilities",
    ...(map ? { map: { index: indexOf(map), rows, columns } } : {}),
    ...(familiarity ? { familiarity: indexOf(familiarity) } : {}),
  };
}
