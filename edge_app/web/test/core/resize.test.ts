import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { centreSquare, resize, type ReadRows } from "../../src/core/resize";
import { readPng, type Pixels } from "../png";

const FOLDER = new URL("../../../../tests/data/preprocess/", import.meta.url);
const vectors = JSON.parse(readFileSync(new URL("vectors.json", FOLDER), "utf8")) as {
  sizes: number[];
  photos: {
    file: string;
    upright: string;
    width: number;
    height: number;
    sha256: Record<string, string>;
  }[];
};

/** The rows of the centred square, as the worker reads them from a canvas. */
function centreRows({ width, height, rgba }: Pixels): { rows: ReadRows; side: number } {
  const { left, top, side } = centreSquare(width, height);
  const row = (y: number) => rgba.subarray(((top + y) * width + left) * 4).subarray(0, side * 4);
  const rows: ReadRows = (first, count) => {
    const strip = new Uint8Array(count * side * 4);
    for (let i = 0; i < count; i++) strip.set(row(first + i), i * side * 4);
    return strip;
  };
  return { rows, side };
}

/** A square whose pixels are all alike. */
const plain =
  (side: number, level: number): ReadRows =>
  (_, count) =>
    new Uint8Array(count * side * 4).fill(level);

describe("resize", () => {
  it.each(vectors.photos)("makes of $file what Python makes of it", (photo) => {
    const pixels = readPng(readFileSync(new URL(photo.upright, FOLDER)));
    expect([pixels.width, pixels.height]).toEqual([photo.width, photo.height]);
    const { rows, side } = centreRows(pixels);
    for (const size of vectors.sizes) {
      const hash = createHash("sha256")
        .update(resize(rows, side, size))
        .digest("hex");
      expect(hash, `at ${size}`).toBe(photo.sha256[size]);
    }
  });

  it.each([0, 1, 127, 254, 255])("keeps a plain image of level %i", (level) => {
    for (const [side, size] of [
      [1, 96],
      [95, 96],
      [1000, 96],
      [1500, 224],
    ] as const) {
      const result = resize(plain(side, level), side, size);
      expect(result.length).toBe(size * size * 3);
      expect(new Set(result)).toEqual(new Set([level]));
    }
  });

  it("asks for every row once, from top to bottom", () => {
    const asked: [number, number][] = [];
    resize(
      (top, count) => {
        asked.push([top, count]);
        return new Uint8Array(count * 3000 * 4);
      },
      3000,
      8,
    );
    expect(asked.length).toBeGreaterThan(1);
    let next = 0;
    for (const [top, count] of asked) {
      expect(top).toBe(next);
      next += count;
    }
    expect(next).toBe(3000);
  });
});

describe("centreSquare", () => {
  it.each([
    [640, 480, { left: 80, top: 0, side: 480 }],
    [480, 641, { left: 0, top: 80, side: 480 }],
    [1, 1, { left: 0, top: 0, side: 1 }],
  ])("of %i x %i", (width, height, square) => {
    expect(centreSquare(width, height)).toEqual(square);
  });
});
