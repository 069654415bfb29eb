/** What the page and its worker say to each other. */
import type { Outputs, ProblemCode, Square, TensorInfo } from "../types";

/** Sent once, first. */
export interface Open {
  type: "open";
  /** Folder of the LiteRT files, ending in a slash. */
  runtime: string;
  model: ArrayBuffer;
  threads: number;
  /** Side of the model's input in pixels. */
  size: number;
  outputs: TensorInfo[];
}

export interface Recognise {
  type: "recognise";
  id: number;
  image: ImageBitmap;
  square: Square;
}

export type Request = Open | Recognise;

export type Reply =
  | { type: "opened"; threads: number }
  | { type: "recognised"; id: number; outputs: Outputs }
  /** Without an id: the worker could not open the model, or is of no use any more. */
  | { type: "failed"; id?: number; code: ProblemCode; detail: string };
