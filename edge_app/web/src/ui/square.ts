/** Moving and zooming the square of a photo that the model looks at. */
import type { Square } from "../types";

interface Size {
  width: number;
  height: number;
}

/** Pixels below which zooming in shows the model nothing new. */
const SMALLEST = 64;

/** `square` kept whole and inside the image. */
function inside({ left, top, side }: Square, { width, height }: Size): Square {
  const short = Math.min(width, height);
  const length = Math.round(Math.min(Math.max(side, Math.min(SMALLEST, short)), short));
  const within = (start: number, room: number) => Math.round(Math.min(Math.max(start, 0), room));
  return {
    left: within(left, width - length),
    top: within(top, height - length),
    side: length,
  };
}

/** Moved by a share of its own side, to the right and down. */
export function moved(square: Square, right: number, down: number, image: Size): Square {
  const { left, top, side } = square;
  return inside({ left: left + right * side, top: top + down * side, side }, image);
}

/** Zoomed by `factor` (above 1: closer), the point at (x, y), shares of the side, staying put. */
export function zoomed(square: Square, factor: number, x: number, y: number, image: Size): Square {
  const short = Math.min(image.width, image.height);
  const side = Math.min(Math.max(square.side / factor, Math.min(SMALLEST, short)), short);
  const left = square.left + (square.side - side) * x;
  const top = square.top + (square.side - side) * y;
  return inside({ left, top, side }, image);
}

export function sameSquare(a: Square, b: Square): boolean {
  return a.left === b.left && a.top === b.top && a.side === b.side;
}
