/** Reads the PNGs of our test data: 8 bits, RGB or RGBA or grey or with a palette, not interlaced. */
import { inflateSync } from "node:zlib";

export interface Pixels {
  width: number;
  height: number;
  rgba: Uint8Array;
}

const CHANNELS: Record<number, number> = { 0: 1, 2: 3, 3: 1, 6: 4 };

export function readPng(file: Buffer): Pixels {
  let [width, height, colourType] = [0, 0, 0];
  let palette = Buffer.alloc(0);
  const data: Buffer[] = [];
  for (let at = 8; at < file.length; at += 12 + file.readUInt32BE(at)) {
    const chunk = file.subarray(at + 8, at + 8 + file.readUInt32BE(at));
    const name = file.toString("latin1", at + 4, at + 8);
    if (name === "IHDR") {
      [width, height, colourType] = [chunk.readUInt32BE(0), chunk.readUInt32BE(4), chunk[9]!];
      if (chunk[8] !== 8 || chunk[12] !== 0) throw new Error("not a PNG of ours");
    } else if (name === "PLTE") palette = Buffer.from(chunk);
    else if (name === "IDAT") data.push(chunk);
  }
  const channels = CHANNELS[colourType]!;
  const raw = unfilter(inflateSync(Buffer.concat(data)), width * channels, height, channels);
  const rgba = new Uint8Array(width * height * 4).fill(255);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let c = 0; c < 3; c++) {
      const level = raw[pixel * channels + (channels < 3 ? 0 : c)]!;
      rgba[pixel * 4 + c] = colourType === 3 ? palette[level * 3 + c]! : level;
    }
  }
  return { width, height, rgba };
}

function unfilter(raw: Buffer, stride: number, height: number, channels: number): Uint8Array {
  const out = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)]!;
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x >= channels ? out[at - channels]! : 0;
      const up = y > 0 ? out[at - stride]! : 0;
      const corner = x >= channels && y > 0 ? out[at - stride - channels]! : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter]!;
      out[at] = raw[y * (stride + 1) + 1 + x]! + guess;
    }
  }
  return out;
}

function paeth(left: number, up: number, corner: number): number {
  const [a, b, c] = [
    Math.abs(up - corner),
    Math.abs(left - corner),
    Math.abs(left + up - 2 * corner),
  ];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
