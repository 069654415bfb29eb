import { describe, expect, it } from "vitest";
import { heatmap } from "../../src/core/heatmap";

/** A map of two classes; the second is zero but for what is given. */
const mapOf = (rows: number, columns: number, second: Record<number, number>) => ({
  data: Float32Array.from({ length: rows * columns * 2 }, (_, i) =>
    i % 2 ? (second[(i - 1) / 2] ?? 0) : 100,
  ),
  rows,
  columns,
});
const pixel = ({ data, width }: ReturnType<typeof heatmap>, x: number, y: number) =>
  [...data.subarray((y * width + x) * 4, (y * width + x) * 4 + 4)] as number[];
const luminance = ([r, g, b]: number[]) => 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;

describe("heatmap", () => {
  it("is strongest where the class's own map is", () => {
    const overlay = heatmap(mapOf(7, 7, { 12: 3 }), 1, 70);
    expect([overlay.width, overlay.height]).toEqual([70, 70]);
    // Cell 12 of 7 x 7: the sixth of the second row.
    const alphas = overlay.data.filter((_, i) => i % 4 === 3);
    const strongest = alphas.indexOf(Math.max(...alphas));
    expect(Math.floor((strongest % 70) / 10)).toBe(5);
    expect(Math.floor(strongest / 700)).toBe(1);
    expect(pixel(overlay, 5, 65)[3]).toBe(0);
  });

  it("lets the photo show through even where it is strongest", () => {
    const { data } = heatmap(mapOf(2, 2, { 0: 1, 1: 1, 2: 1, 3: 1 }), 1, 4);
    expect(data[3]).toBeGreaterThan(100);
    expect(data[3]).toBeLessThan(200);
  });

  it("does not depend on the scale of the map", () => {
    const small = heatmap(mapOf(3, 3, { 0: 2 ** -20, 4: 2 ** -19 }), 1, 30);
    expect(small.data).toEqual(heatmap(mapOf(3, 3, { 0: 16, 4: 32 }), 1, 30).data);
  });

  it("gets lighter and denser with the evidence, all the way", () => {
    const ramp = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [i, i]));
    const overlay = heatmap(mapOf(1, 50, ramp), 1, 50);
    const colours = Array.from({ length: 50 }, (_, x) => pixel(overlay, x, 25));
    for (let x = 1; x < 50; x++) {
      expect(luminance(colours[x]!)).toBeGreaterThanOrEqual(luminance(colours[x - 1]!));
      expect(colours[x]![3]).toBeGreaterThan(colours[x - 1]![3]!);
    }
  });

  it("is transparent without evidence, or with evidence against the class only", () => {
    for (const second of [{}, { 3: -5, 4: -1 }]) {
      expect(new Set(heatmap(mapOf(3, 3, second), 1, 8).data)).toEqual(new Set([0]));
    }
  });
});
