import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openPhoto } from "../../src/engine/photo";
import { Problem, type ProblemCode } from "../../src/types";
import { ascii, heic, jpeg, png } from "../photos";

const close = vi.fn();
const decode = vi.fn();
const image = (width: number, height: number) => ({ width, height, close });

beforeEach(() => {
  vi.stubGlobal("createImageBitmap", decode);
  decode.mockReset().mockResolvedValue(image(640, 480));
  close.mockReset();
});
afterEach(() => void vi.unstubAllGlobals());

async function refusal(file: Blob): Promise<ProblemCode> {
  const error: unknown = await openPhoto(file).catch((error: unknown) => error);
  if (error instanceof Problem) return error.code;
  throw new Error(`not refused: ${String(error)}`);
}

describe("openPhoto", () => {
  it("decodes a photo by its bytes, whatever its name and type claim", async () => {
    const photo = await openPhoto(
      new File([jpeg(640, 480)], "rose.pdf", { type: "application/pdf" }),
    );
    expect(photo).toMatchObject({ width: 640, height: 480 });
    const [blob, options] = decode.mock.calls[0] as [Blob, ImageBitmapOptions];
    expect(blob.type).toBe("");
    expect(options).toEqual({ colorSpaceConversion: "none" });
    expect(close).not.toHaveBeenCalled();
  });

  it.each<[string, Uint8Array<ArrayBuffer>, ProblemCode]>([
    ["an empty file", new Uint8Array(), "photo-empty"],
    ["a PDF renamed .jpg", ascii("%PDF-1.7\n"), "photo-unreadable"],
    ["an SVG", ascii("<?xml version='1.0'?><svg/>"), "photo-unreadable"],
    ["a photo of 100 megapixels", jpeg(12_000, 9_000), "photo-too-large"],
    [
      "a HEIC photo of 100 megapixels",
      heic("heic", [
        [512, 512],
        [12_000, 9_000],
      ]),
      "photo-too-large",
    ],
    ["a line that is too long", png(16_385, 40), "photo-too-large"],
    ["an icon", png(31, 200), "photo-too-small"],
  ])("refuses %s before it is decoded", async (_, data, code) => {
    const file = new File([data], "photo.jpg", { type: "image/jpeg" });
    expect(await refusal(file)).toBe(code);
    expect(decode).not.toHaveBeenCalled();
  });

  it("takes what stands at the limits", async () => {
    decode.mockResolvedValue(image(10_000, 5_000));
    await expect(openPhoto(new Blob([png(10_000, 5_000)]))).resolves.toBeDefined();
    decode.mockResolvedValue(image(32, 32));
    await expect(openPhoto(new Blob([png(32, 32)]))).resolves.toBeDefined();
  });

  it.each<[string, Uint8Array<ArrayBuffer>, ProblemCode]>([
    ["damaged JPEG", jpeg(640, 480), "photo-unreadable"],
    ["HEIC", heic("heic", []), "photo-heic"],
    ["AVIF", heic("avif", []), "photo-unreadable"],
  ])("tells of %s that this browser cannot decode", async (_, data, code) => {
    decode.mockRejectedValue(new DOMException("no", "InvalidStateError"));
    expect(await refusal(new Blob([data]))).toBe(code);
  });

  it("closes an image that only turns out too large once it is decoded", async () => {
    decode.mockResolvedValue(image(9_000, 9_000));
    expect(await refusal(new Blob([heic("heic", [])]))).toBe("photo-too-large");
    expect(close).toHaveBeenCalledOnce();
  });

  it("tells of a file that has gone since it was chosen", async () => {
    const file = new File([jpeg(640, 480)], "gone.jpg");
    const gone = { arrayBuffer: () => Promise.reject(new DOMException("x", "NotFoundError")) };
    vi.spyOn(file, "slice").mockReturnValue(gone as unknown as Blob);
    expect(await refusal(file)).toBe("photo-unreadable");
  });
});
