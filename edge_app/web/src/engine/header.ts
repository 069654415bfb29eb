/**
 * What the first bytes of a photo say, read before any decoder sees its pixels.
 *
 * A file may claim a billion pixels or be no photo at all. No bytes make this throw: a number past
 * the end reads as zero. The Python counterpart is models/image_header.py.
 */

export type PhotoFormat = "jpeg" | "png" | "webp" | "bmp" | "gif" | "tiff" | "heic" | "avif";

export interface PhotoHeader {
  format: PhotoFormat;
  /** Stored pixels, before the orientation is applied; absent where the bytes do not tell. */
  size?: { width: number; height: number };
}

const HEIC_BRANDS = ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"];
const AVIF_BRANDS = ["avif", "avis"];

/** Start-of-frame markers: all of 0xC0-0xCF but DHT, JPG and DAC. */
const JPEG_NO_FRAME = [0xc4, 0xc8, 0xcc];

/** @param bytes the file, or its beginning */
export function readHeader(bytes: Uint8Array): PhotoHeader | undefined {
  const head = new Head(bytes);
  if (head.number(0, 3) === 0xffd8ff) return found("jpeg", jpegSize(head));
  if (head.text(1, 3) === "PNG") return found("png", [head.number(16, 4), head.number(20, 4)]);
  if (head.text(0, 4) === "RIFF" && head.text(8, 4) === "WEBP")
    return found("webp", webpSize(head));
  if (head.text(0, 4) === "GIF8") return found("gif", [head.little(6, 2), head.little(8, 2)]);
  if (head.text(0, 2) === "BM" && head.little(14, 4) >= 12 && head.little(14, 4) <= 124) {
    return found("bmp", bmpSize(head));
  }
  if (["II*\0", "MM\0*"].includes(head.text(0, 4))) return found("tiff");
  if (head.text(4, 4) !== "ftyp") return undefined;
  const brand = head.text(8, 4);
  if (HEIC_BRANDS.includes(brand)) return found("heic", largestItem(head));
  if (AVIF_BRANDS.includes(brand)) return found("avif", largestItem(head));
  return undefined;
}

type Size = [width: number, height: number];

function found(format: PhotoFormat, size?: Size): PhotoHeader {
  if (!size || !size[0] || !size[1]) return { format };
  return { format, size: { width: size[0], height: size[1] } };
}

function jpegSize(head: Head): Size | undefined {
  let at = 2;
  while (at < head.length) {
    // A marker is the last 0xFF before a code; decoders skip fill bytes and strays, and so do we.
    if (head.number(at, 1) !== 0xff || [0x00, 0xff].includes(head.number(at + 1, 1))) {
      at++;
      continue;
    }
    const code = head.number(at + 1, 1);
    at += 2;
    if (code >= 0xc0 && code <= 0xcf && !JPEG_NO_FRAME.includes(code)) {
      return [head.number(at + 5, 2), head.number(at + 3, 2)];
    }
    if (code === 0xd9 || code === 0xda) return undefined; // end, or a scan without a frame
    if (code !== 0x01 && !(code >= 0xd0 && code <= 0xd8)) at += head.number(at, 2);
  }
  return undefined;
}

function webpSize(head: Head): Size | undefined {
  const kind = head.text(12, 4);
  if (kind === "VP8X") return [1 + head.little(24, 3), 1 + head.little(27, 3)];
  if (kind === "VP8 ") return [head.little(26, 2) & 0x3fff, head.little(28, 2) & 0x3fff];
  if (kind !== "VP8L") return undefined;
  const bits = head.little(21, 4);
  return [1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff)];
}

function bmpSize(head: Head): Size {
  if (head.little(14, 4) === 12) return [head.little(18, 2), head.little(20, 2)];
  // A negative height says that the rows come top down.
  return [head.little(18, 4), Math.abs(head.little(22, 4) | 0)];
}

/** HEIC and AVIF keep a photo in tiles: the largest "ispe" property is the whole. */
function largestItem(head: Head): Size | undefined {
  let largest: Size | undefined;
  for (let at = head.find("ispe", 0); at >= 0; at = head.find("ispe", at + 4)) {
    const size: Size = [head.number(at + 8, 4), head.number(at + 12, 4)];
    if (!largest || size[0] * size[1] > largest[0] * largest[1]) largest = size;
  }
  return largest;
}

/** Bytes that can be read past their end. */
class Head {
  constructor(readonly bytes: Uint8Array) {}

  get length(): number {
    return this.bytes.length;
  }

  /** The big-endian number in `count` bytes. */
  number(at: number, count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 256 + (this.bytes[at + i] ?? 0);
    return value;
  }

  little(at: number, count: number): number {
    let value = 0;
    for (let i = count - 1; i >= 0; i--) value = value * 256 + (this.bytes[at + i] ?? 0);
    return value;
  }

  text(at: number, count: number): string {
    return String.fromCharCode(...this.bytes.subarray(at, at + count));
  }

  find(word: string, from: number): number {
    const first = word.charCodeAt(0);
    for (
      let at = this.bytes.indexOf(first, from);
      at >= 0;
      at = this.bytes.indexOf(first, at + 1)
    ) {
      if (this.text(at, word.length) === word) return at;
    }
    return -1;
  }
}
