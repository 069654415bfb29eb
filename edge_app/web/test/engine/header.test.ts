import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readHeader } from "../../src/engine/header";
import { ascii, bytes, heic, jpeg, png } from "../photos";

const DATA = new URL("../../../../tests/data/preprocess/", import.meta.url);

describe("readHeader", () => {
  it.each([
    ["pattern_33x1000.png", "png", 33, 1000],
    ["exif_1.jpg", "jpeg", 120, 90],
    ["exif_6.jpg", "jpeg", 90, 120], // as stored
  ])("reads %s", (file, format, width, height) => {
    const header = readHeader(readFileSync(new URL(file, DATA)));
    expect(header).toEqual({ format, size: { width, height } });
  });

  it.each([
    ["png", png(70_000, 3), { width: 70_000, height: 3 }],
    ["jpeg", jpeg(12_000, 9_000), { width: 12_000, height: 9_000 }],
    ["gif", bytes(ascii("GIF89a"), [0x40, 0x01, 0xf0, 0x00]), { width: 320, height: 240 }],
    [
      "webp",
      bytes(ascii("RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0"), [0x0f, 0x27, 0, 0x1f, 0x4e, 0]),
      { width: 10_000, height: 20_000 },
    ],
    [
      "webp",
      bytes(ascii("RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a"), [0x80, 0x42, 0xe0, 0x01]),
      { width: 640, height: 480 },
    ],
    [
      "webp",
      bytes(ascii("RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f"), [0x7f, 0xc2, 0x77, 0]),
      { width: 640, height: 480 },
    ],
    [
      "bmp",
      bytes(ascii("BM"), new Array(12).fill(0), [40, 0, 0, 0, 0x80, 2, 0, 0, 0x20, 0xfe, 255, 255]),
      { width: 640, height: 480 },
    ],
    [
      "heic",
      heic("heic", [
        [512, 512],
        [4032, 3024],
      ]),
      { width: 4032, height: 3024 },
    ],
    ["avif", heic("avif", [[100, 50]]), { width: 100, height: 50 }],
  ])("reads the size of a %s", (format, data, size) => {
    expect(readHeader(data)).toEqual({ format, size });
  });

  it("walks over the metadata and the thumbnail of a JPEG", () => {
    const thumbnail = [...jpeg(160, 120)];
    const app1 = [0xff, 0xe1, 0, thumbnail.length + 2, ...thumbnail];
    const photo = bytes([0xff, 0xd8], app1, [0xff, 0xff], [...jpeg(4000, 3000)].slice(2));
    expect(readHeader(photo)?.size).toEqual({ width: 4000, height: 3000 });
  });

  it("tells the format where the size is cut off", () => {
    expect(readHeader(png(100, 100).subarray(0, 12))).toEqual({ format: "png" });
    expect(readHeader(bytes([0xff, 0xd8, 0xff]))).toEqual({ format: "jpeg" });
    expect(readHeader(heic("heic", []))).toEqual({ format: "heic" });
  });

  it.each([
    ["nothing", bytes()],
    ["a PDF", ascii("%PDF-1.7\n")],
    ["an SVG", ascii('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ["a text that starts like a bitmap", ascii("BMW is a make of cars, not a picture")],
    ["a film", ascii("\0\0\0\x18ftypmp42\0\0\0\0")],
  ])("takes %s for no photo", (_, data) => {
    expect(readHeader(data)).toBeUndefined();
  });

  it("bears any bytes", () => {
    let seed = 1;
    const random = () => (seed = (seed * 48271) % 2147483647) & 255;
    const starts = [png(9, 9), jpeg(9, 9), heic("heic", [[9, 9]]), ascii("RIFF\0\0\0\0WEBPVP8X")];
    for (let i = 0; i < 2000; i++) {
      const start = starts[i % starts.length]!.slice();
      start[random() % start.length] = random();
      expect(() => readHeader(start.subarray(0, random()))).not.toThrow();
    }
  });
});
