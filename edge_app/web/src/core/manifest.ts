/**
 * `manifest.json` as far as the app uses it, checked on the way in.
 *
 * Keys that the app does not use pass unread: models/manifest.py, the strict reader, has seen them.
 */
import { Problem, type Artefact, type Calibration, type Manifest, type Rejection } from "../types";
import type { TensorInfo } from "../types";
import {
  Invalid,
  list,
  mapping,
  match,
  number,
  oneOf,
  optional,
  record,
  text,
  whole,
} from "./check";

/** Of bundles and files: they become parts of addresses. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Meanings of the output that has a number for each class. */
export const CLASS_OUTPUTS = ["logits", "probabilities"];

const LARGEST_FILE = 2 ** 31;

/**
 * @param json parsed JSON of any shape
 * @throws Problem "model-unusable" for a manifest that is not valid, or not of a photo classifier
 */
export function parseManifest(json: unknown): Manifest {
  try {
    return checked(json);
  } catch (error) {
    if (error instanceof Invalid) throw new Problem("model-unusable", error.message);
    throw error;
  }
}

/** The artefact that the web uses: the manifest's choice, else int8, else any TFLite file. */
export function webArtefact({ artefacts, default: defaults }: Manifest): Artefact {
  const models = artefacts.filter(({ format }) => format === "tflite");
  const artefact =
    models.find(({ file }) => file === defaults.web) ??
    models.find(({ scheme }) => scheme === "wi8_ai8") ??
    models[0];
  if (!artefact) throw new Problem("model-unusable", "the bundle has no TFLite file");
  return artefact;
}

function checked(json: unknown): Manifest {
  const top = record(json, "manifest");
  const manifest: Manifest = {
    schema: oneOf("bombus/bundle@1")(top["schema"], "schema"),
    name: match(NAME)(top["name"], "name"),
    version: text(top["version"], "version"),
    task: oneOf("image-classification")(top["task"], "task"),
    license: text(top["license"], "license"),
    created: text(top["created"], "created"),
    labels: list(text, 1)(top["labels"], "labels"),
    inputs: list(tensor, 1, 1)(top["inputs"], "inputs"),
    outputs: list(tensor, 1)(top["outputs"], "outputs"),
    preprocess: preprocess(top["preprocess"]),
    artefacts: list(artefact, 1)(top["artefacts"], "artefacts"),
    default: mapping(match(NAME))(top["default"] ?? {}, "default"),
  };
  const { size } = manifest.preprocess;
  expectShape(manifest.inputs[0], [1, size, size, 3], "inputs[0].shape");
  const main = manifest.outputs.find(({ meaning }) => CLASS_OUTPUTS.includes(meaning));
  expectShape(main, [1, manifest.labels.length], "outputs: shape of the logits");
  return manifest;
}

function expectShape(tensor: TensorInfo | undefined, shape: number[], place: string): void {
  if (String(tensor?.shape) !== String(shape)) throw new Invalid(place, `[${shape.join(", ")}]`);
}

function tensor(value: unknown, place: string): TensorInfo {
  const fields = record(value, place);
  return {
    name: text(fields["name"], `${place}.name`),
    shape: list(whole(1, 2 ** 24), 1, 8)(fields["shape"], `${place}.shape`),
    dtype: text(fields["dtype"], `${place}.dtype`),
    meaning: text(fields["meaning"], `${place}.meaning`),
  };
}

function preprocess(value: unknown): Manifest["preprocess"] {
  const fields = record(value, "preprocess");
  return {
    kind: oneOf("image")(fields["kind"], "preprocess.kind"),
    size: whole(1, 4096)(fields["size"], "preprocess.size"),
  };
}

function artefact(value: unknown, place: string): Artefact {
  const fields = record(value, place);
  return {
    file: match(NAME)(fields["file"], `${place}.file`),
    format: oneOf("keras", "tflite", "onnx")(fields["format"], `${place}.format`),
    scheme: text(fields["scheme"], `${place}.scheme`),
    bytes: whole(1, LARGEST_FILE)(fields["bytes"], `${place}.bytes`),
    sha256: match(/^[0-9a-f]{64}$/)(fields["sha256"], `${place}.sha256`),
    dtypes: mapping(text)(fields["dtypes"], `${place}.dtypes`),
    ...optional(fields, "quality", quality, place),
    ...optional(fields, "calibration", calibration, place),
  };
}

function quality(value: unknown, place: string): NonNullable<Artefact["quality"]> {
  const fields = record(value, place);
  return {
    data: text(fields["data"], `${place}.data`),
    n: whole(1, 2 ** 53)(fields["n"], `${place}.n`),
    top1: number(0, 1)(fields["top1"], `${place}.top1`),
    ece: number(0, 1)(fields["ece"], `${place}.ece`),
  };
}

function calibration(value: unknown, place: string): Calibration {
  const fields = record(value, place);
  return {
    temperature: number(0.01, 100)(fields["temperature"], `${place}.temperature`),
    ...optional(fields, "rejection", rejection, place),
  };
}

function rejection(value: unknown, place: string): Rejection {
  const fields = record(value, place);
  const weights = record(fields["weights"], `${place}.weights`);
  const weight = (key: keyof Rejection["weights"]) =>
    number()(weights[key], `${place}.weights.${key}`);
  return {
    weights: {
      bias: weight("bias"),
      log_top: weight("log_top"),
      margin: weight("margin"),
      log_sum: weight("log_sum"),
      familiarity: weights["familiarity"] === undefined ? 0 : weight("familiarity"),
    },
    reject_below: number(0, 1)(fields["reject_below"], `${place}.reject_below`),
    sure_from: number(0, 1)(fields["sure_from"], `${place}.sure_from`),
  };
}
