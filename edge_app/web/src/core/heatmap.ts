/** "Why?": where in the photo the model saw the flower it names. */
import type { Outputs } from "../types";

/** RGBA picture, row by row. */
export interface Overlay {
  data: Uint8ClampedArray<ArrayBuffer>;
  width: number;
  height: number;
}

/**
 * From weak to strong evidence. The lightness rises all the way (matplotlib's "inferno", CC0), so
 * the order is seen without colour vision as well.
 */
const COLOURS = [
  [0, 0, 4],
  [40, 11, 84],
  [101, 21, 110],
  [159, 42, 99],
  [212, 72, 66],
  [245, 125, 21],
  [250, 193, 39],
  [252, 255, 164],
] as const;

/** Of the strongest evidence; the photo must stay visible below. */
const OPACITY = 0.7;

/**
 * The activation map of one class as an overlay for the square that the model saw.
 *
 * Evidence against the class (negative) is left out, and the rest is shown relative to its own
 * maximum: the picture says where, not how sure. Without any evidence it is transparent.
 *
 * @param map [rows, columns, classes]
 * @param size pixels of the overlay along each axis
 */
export function heatmap(
  { data, rows, columns }: NonNullable<Outputs["activationMap"]>,
  classIndex: number,
  size = 224,
): Overlay {
  const classes = data.length / (rows * columns);
  const values = Float32Array.from({ length: rows * columns }, (_, cell) =>
    Math.max(data[cell * classes + classIndex] ?? 0, 0),
  );
  const highest = Math.max(...values);
  const overlay = new Uint8ClampedArray(size * size * 4);
  if (highest > 0) {
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const strength = sample(values, rows, columns, y / size, x / size, 1 / size) / highest;
        overlay.set(paint(strength), (y * size + x) * 4);
      }
    }
  }
  return { data: overlay, width: size, height: size };
}

/** Bilinear value at the middle of a pixel, whose corner and width are shares of the picture. */
function sample(
  values: Float32Array,
  rows: number,
  columns: number,
  top: number,
  left: number,
  width: number,
): number {
  const row = between((top + width / 2) * rows - 0.5, rows);
  const column = between((left + width / 2) * columns - 0.5, columns);
  const at = (r: number, c: number) => values[r * columns + c] ?? 0;
  const upper = mix(at(row.below, column.below), at(row.below, column.above), column.share);
  const lower = mix(at(row.above, column.below), at(row.above, column.above), column.share);
  return mix(upper, lower, row.share);
}

/** The cells on both sides of a position, which the edges hold back. */
function between(position: number, count: number) {
  const held = Math.min(Math.max(position, 0), count - 1);
  const below = Math.floor(held);
  return { below, above: Math.min(below + 1, count - 1), share: held - below };
}

/** RGBA of a strength from 0 to 1. */
function paint(strength: number): [number, number, number, number] {
  const { below, above, share } = between(strength * (COLOURS.length - 1), COLOURS.length);
  const [low, high] = [COLOURS[below]!, COLOURS[above]!];
  return [
    mix(low[0], high[0], share),
    mix(low[1], high[1], share),
    mix(low[2], high[2], share),
    255 * OPACITY * strength,
  ];
}

function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}
