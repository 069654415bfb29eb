/**
 * The image contract of models/preprocess.py, level for level: photo -> square -> model input.
 *
 * Browsers scale in ways that no model was trained on, so the resize is our own. It reads the image
 * a few rows at a time: a 50-megapixel photo never stands in memory twice.
 */
import type { Square } from "../types";

/** RGBA bytes of `count` rows of a square image, the first being `top`. */
export type ReadRows = (top: number, count: number) => Uint8Array | Uint8ClampedArray;

/** Weights are multiples of 2**-22; sums of them times 8-bit levels stay below 2**31. */
const WEIGHT_BITS = 22;
const HALF = 1 << (WEIGHT_BITS - 1);

/** Pixels read at once: some megabytes. */
const CHUNK = 1 << 20;

/** The taps of every output pixel along one axis: `weights[starts[i]...]` on pixels from `first[i]`. */
interface Filter {
  first: Int32Array;
  starts: Int32Array;
  weights: Int32Array;
}

/** The largest centred square. */
export function centreSquare(width: number, height: number): Square {
  const side = Math.min(width, height);
  return {
    left: Math.floor((width - side) / 2),
    top: Math.floor((height - side) / 2),
    side,
  };
}

/**
 * Resizes a square image with an antialiased bilinear filter, equal to `models.preprocess.resize`.
 *
 * @param readRows the image, asked for from top to bottom
 * @param side pixels of the image along each axis
 * @param size pixels of the result along each axis
 * @returns RGB levels [size, size, 3]
 */
export function resize(readRows: ReadRows, side: number, size: number): Uint8Array<ArrayBuffer> {
  const filter = triangle(side, size);
  const narrow = new Uint8Array(side * size * 3);
  const step = Math.max(1, Math.floor(CHUNK / side));
  for (let top = 0; top < side; top += step) {
    const count = Math.min(step, side - top);
    shrinkRows(readRows(top, count), narrow.subarray(top * size * 3), side, size, count, filter);
  }
  return shrinkColumns(narrow, size, filter);
}

/** Each row of RGBA pixels, `side` wide, to `size` RGB pixels. */
function shrinkRows(
  rgba: Uint8Array | Uint8ClampedArray,
  out: Uint8Array,
  side: number,
  size: number,
  rows: number,
  { first, starts, weights }: Filter,
): void {
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < size; i++) {
      let pixel = (row * side + first[i]!) * 4;
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (let tap = starts[i]!; tap < starts[i + 1]!; tap++, pixel += 4) {
        const weight = weights[tap]!;
        red += weight * rgba[pixel]!;
        green += weight * rgba[pixel + 1]!;
        blue += weight * rgba[pixel + 2]!;
      }
      out[at++] = red >> WEIGHT_BITS;
      out[at++] = green >> WEIGHT_BITS;
      out[at++] = blue >> WEIGHT_BITS;
    }
  }
}

/** Rows of `size` RGB pixels to `size` such rows. */
function shrinkColumns(rows: Uint8Array, size: number, filter: Filter): Uint8Array<ArrayBuffer> {
  const { first, starts, weights } = filter;
  const length = size * 3;
  const out = new Uint8Array(size * length);
  const sums = new Int32Array(length);
  for (let i = 0; i < size; i++) {
    sums.fill(HALF);
    let from = first[i]! * length;
    for (let tap = starts[i]!; tap < starts[i + 1]!; tap++, from += length) {
      const weight = weights[tap]!;
      for (let x = 0; x < length; x++) sums[x]! += weight * rows[from + x]!;
    }
    for (let x = 0; x < length; x++) out[i * length + x] = sums[x]! >> WEIGHT_BITS;
  }
  return out;
}

/** The filter from `n` pixels to `size`, as `models.preprocess.resize` defines it. */
function triangle(n: number, size: number): Filter {
  const scale = n / size;
  const reach = Math.max(scale, 1);
  const first = new Int32Array(size);
  const starts = new Int32Array(size + 1);
  const weights: number[] = [];
  for (let i = 0; i < size; i++) {
    const centre = (i + 0.5) * scale;
    const from = Math.max(Math.trunc(centre - reach + 0.5), 0);
    const to = Math.min(Math.trunc(centre + reach + 0.5), n);
    const values: number[] = [];
    for (let x = from; x < to; x++) {
      values.push(Math.max(1 - Math.abs(x - centre + 0.5) / reach, 0));
    }
    const sum = values.reduce((a, b) => a + b, 0);
    first[i] = from;
    for (const value of values) weights.push(Math.floor((value / sum) * 2 ** WEIGHT_BITS + 0.5));
    starts[i + 1] = weights.length;
  }
  return { first, starts, weights: Int32Array.from(weights) };
}
