/** A file from the gallery, or dropped on the page, as an upright image. */
import { Problem } from "../types";
import { readHeader } from "./header";

const MIN_SIDE = 32;
const MAX_SIDE = 16_384;
/** A decoded pixel takes 4 bytes, and phones end pages that want too much. */
const MAX_PIXELS = 50_000_000;

/** Metadata before the size: thumbnails, colour profiles. */
const HEAD = 4 << 20;

/**
 * Decodes a photo; its EXIF orientation is applied and of an animation the first frame is taken.
 *
 * As in Python, colour profiles are ignored: the models have learnt from photos read that way. Alpha
 * is different: a canvas forgets the colour of transparent pixels, which become black here.
 *
 * @throws Problem with a code that starts with "photo-"
 */
export async function openPhoto(file: Blob): Promise<ImageBitmap> {
  if (file.size === 0) throw new Problem("photo-empty");
  const header = readHeader(await bytesOf(file.slice(0, HEAD)));
  // SVG and PDF, too, end here: what a name or a type claims is not asked.
  if (!header) throw new Problem("photo-unreadable", "not a photo in a known format");
  if (header.size) checkSize(header.size);
  const image = await decode(file).catch((error: unknown) => {
    const code = header.format === "heic" ? "photo-heic" : "photo-unreadable";
    throw new Problem(code, `${header.format}: ${String(error)}`);
  });
  try {
    checkSize(image);
  } catch (problem) {
    image.close();
    throw problem;
  }
  return image;
}

async function bytesOf(blob: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (error) {
    // Moved or deleted since it was chosen, or in a cloud that can't be reached.
    throw new Problem("photo-unreadable", String(error));
  }
}

async function decode(file: Blob): Promise<ImageBitmap> {
  // Without a type, so that the bytes decide and not the name.
  return createImageBitmap(new Blob([file]), { colorSpaceConversion: "none" });
}

function checkSize({ width, height }: { width: number; height: number }): void {
  const size = `${width} x ${height} pixels`;
  if (Math.max(width, height) > MAX_SIDE || width * height > MAX_PIXELS) {
    throw new Problem("photo-too-large", size);
  }
  if (Math.min(width, height) < MIN_SIDE) throw new Problem("photo-too-small", size);
}
