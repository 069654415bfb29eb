import { describe, expect, it } from "vitest";
import { moved, sameSquare, zoomed } from "../../src/ui/square";

const PHOTO = { width: 1000, height: 600 };
const WHOLE = { left: 200, top: 0, side: 600 };

describe("the square to look at", () => {
  it("moves by shares of its side and stops at the edges", () => {
    expect(moved(WHOLE, 0.1, 0, PHOTO)).toEqual({ left: 260, top: 0, side: 600 });
    expect(moved(WHOLE, 9, 9, PHOTO)).toEqual({ left: 400, top: 0, side: 600 });
    expect(moved(WHOLE, -9, -9, PHOTO)).toEqual({ left: 0, top: 0, side: 600 });
  });

  it("zooms around the point that is looked at", () => {
    expect(zoomed(WHOLE, 2, 0.5, 0.5, PHOTO)).toEqual({ left: 350, top: 150, side: 300 });
    expect(zoomed(WHOLE, 2, 0, 1, PHOTO)).toEqual({ left: 200, top: 300, side: 300 });
  });

  it("never grows beyond the photo nor shrinks to nothing", () => {
    const near = zoomed(WHOLE, 1e9, 0.5, 0.5, PHOTO);
    expect(near.side).toBe(64);
    expect(zoomed(near, 1e-9, 0.5, 0.5, PHOTO).side).toBe(600);
  });

  it("takes all of a photo that is smaller than that", () => {
    const tiny = { width: 40, height: 50 };
    const square = zoomed({ left: 0, top: 5, side: 40 }, 3, 0.5, 0.5, tiny);
    expect(square).toEqual({ left: 0, top: 5, side: 40 });
  });

  it("consists of whole pixels inside the photo, whatever is done to it", () => {
    let square = WHOLE;
    for (let step = 1; step < 200; step++) {
      square = moved(square, Math.sin(step), Math.cos(step * 2), PHOTO);
      square = zoomed(square, 1 + Math.sin(step * 3) / 2, 0.3, 0.8, PHOTO);
      const { left, top, side } = square;
      expect([left, top, side].every(Number.isInteger)).toBe(true);
      expect(Math.min(left, top)).toBeGreaterThanOrEqual(0);
      expect(left + side).toBeLessThanOrEqual(PHOTO.width);
      expect(top + side).toBeLessThanOrEqual(PHOTO.height);
    }
  });

  it("is compared by value", () => {
    expect(sameSquare(WHOLE, { ...WHOLE })).toBe(true);
    expect(sameSquare(WHOLE, { ...WHOLE, top: 1 })).toBe(false);
  });
});
