/** Beginnings of photo files, made for tests. */

export function bytes(...parts: (number[] | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

export function ascii(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function big(value: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.floor(value / 256 ** (count - 1 - i)) % 256);
}

export function png(width: number, height: number): Uint8Array<ArrayBuffer> {
  const header = [
    ...big(13, 4),
    ...ascii("IHDR"),
    ...big(width, 4),
    ...big(height, 4),
    8,
    2,
    0,
    0,
    0,
  ];
  return bytes([0x89], ascii("PNG\r\n\x1a\n"), header, [0, 0, 0, 0]);
}

export function jpeg(width: number, height: number): Uint8Array<ArrayBuffer> {
  const quantization = [0xff, 0xdb, 0, 4, 1, 2];
  const frame = [0xff, 0xc0, 0, 17, 8, ...big(height, 2), ...big(width, 2), 3, ...Array(9).fill(0)];
  return bytes([0xff, 0xd8], quantization, frame, [0xff, 0xda, 0, 2, 0xff, 0xd9]);
}

export function heic(brand: string, sizes: [number, number][]): Uint8Array<ArrayBuffer> {
  const items = sizes.map(([w, h]) => bytes(ascii("ispe"), big(0, 4), big(w, 4), big(h, 4)));
  return bytes(big(24, 4), ascii(`ftyp${brand}`), big(0, 8), ...items);
}
