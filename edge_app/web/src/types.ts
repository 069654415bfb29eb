/** The nouns that the parts of the app hand each other. */

/** A tensor as `manifest.json` describes it (docs/bundle-format.md). */
export interface TensorInfo {
  name: string;
  shape: number[];
  dtype: string;
  meaning: string;
}

/** Weights of the logistic model that tells the bundle's classes from everything else. */
export interface Rejection {
  weights: { bias: number; log_top: number; margin: number; log_sum: number; familiarity: number };
  /** Below this probability the photo shows none of the classes. */
  reject_below: number;
  /** From this probability on the verdict is sure; between the two it is "not sure". */
  sure_from: number;
}

export interface Calibration {
  temperature: number;
  rejection?: Rejection;
}

export interface Artefact {
  file: string;
  format: "keras" | "tflite" | "onnx";
  scheme: string;
  bytes: number;
  sha256: string;
  dtypes: Record<string, string>;
  quality?: { data: string; n: number; top1: number; ece: number };
  calibration?: Calibration;
}

export interface Manifest {
  schema: "bombus/bundle@1";
  name: string;
  version: string;
  task: string;
  license: string;
  created: string;
  labels: string[];
  inputs: TensorInfo[];
  outputs: TensorInfo[];
  preprocess: { kind: "image"; size: number };
  artefacts: Artefact[];
  default: Partial<Record<"x86" | "arm" | "web", string>>;
}

/** A bundle whose model file has been fetched and matches its SHA-256. */
export interface LoadedBundle {
  manifest: Manifest;
  artefact: Artefact;
  model: ArrayBuffer;
}

/** The raw outputs of one inference. */
export interface Outputs {
  logits: Float32Array; // [K]
  /** Class-activation map [rows, columns, K], where the bundle has one. */
  activationMap?: { data: Float32Array; rows: number; columns: number };
  familiarity?: number;
  milliseconds: number;
}

/** One photo's calibrated answer: what a verdict, or a fusion of several, is made of. */
export interface Reading {
  /** Calibrated probability of each class [K]. */
  probabilities: Float32Array;
  /** Probability that the photo shows one of the classes at all; 1 where the bundle can't say. */
  known: number;
}

export type VerdictKind = "sure" | "unsure" | "unknown";

export interface Guess {
  label: string;
  confidence: number;
}

export interface Verdict {
  kind: VerdictKind;
  known: number;
  /** The three likeliest, the best first. */
  guesses: Guess[];
  /** How many photos it rests on. */
  photos: number;
}

/** A square of the upright source image, in its pixels. */
export interface Square {
  left: number;
  top: number;
  side: number;
}

/** A kept sighting. `verdict` is never overwritten: a correction stands beside it. */
export interface Observation {
  id: string;
  date: string; // ISO 8601
  /** JPEG of each photo, square. */
  photos: Blob[];
  verdict: Verdict;
  bundle: { name: string; version: string; artefact: string };
  /** What the person says it is: a label, or free text. */
  correction?: string;
  notes?: string;
  place?: { latitude: number; longitude: number; accuracy: number };
}

export type Language = "en" | "es" | "de" | "fr" | "tr" | "zh";
export type Theme = "auto" | "light" | "dark";

export interface Settings {
  language: Language;
  theme: Theme;
  bundle: string;
  threads: 1 | 2 | 4;
  tipsSeen: boolean;
}

/** What the app knows of a species, in one language. */
export interface Species {
  label: string;
  latin: string;
  family: string;
  name: string;
  otherNames: string[];
  description: string;
  season: string;
  /** Months of flowering in the northern temperate zone, 1 to 12. */
  months: number[];
  toxicity: { people: string; pets: string; level: "none" | "mild" | "toxic" };
  lookAlikes: { name: string; latin: string; tell: string }[];
}

/** Errors shown to a person: `code` chooses the words. */
export type ProblemCode =
  | "photo-empty"
  | "photo-unreadable"
  | "photo-heic"
  | "photo-too-large"
  | "photo-too-small"
  | "model-missing"
  | "model-damaged"
  | "model-unusable"
  | "wasm-blocked"
  | "camera-refused"
  | "camera-none"
  | "camera-busy"
  | "camera-lost"
  | "storage-full"
  | "storage-blocked"
  | "archive-unreadable"
  | "network"
  | "internal";

export class Problem extends Error {
  constructor(
    readonly code: ProblemCode,
    detail = "",
  ) {
    super(detail || code);
    this.name = "Problem";
  }
}
