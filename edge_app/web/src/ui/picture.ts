/** Pictures out of photos: what is kept, shared and downloaded. */
import { Problem, type Square } from "../types";

/** Side in pixels of a kept photo: sharp on a phone, some hundred kilobytes. */
const SIDE = 1024;

export async function jpegOf(image: ImageBitmap, square: Square): Promise<Blob> {
  const size = Math.min(SIDE, square.side);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  if (!context) throw new Problem("internal", "no canvas");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff"; // JPEG knows no transparency
  context.fillRect(0, 0, size, size);
  const { left, top, side } = square;
  context.drawImage(image, left, top, side, side, 0, 0, size, size);
  const blob = await new Promise<Blob | null>((resolve) =>
    canvas.toBlob(resolve, "image/jpeg", 0.88),
  );
  if (!blob) throw new Problem("internal", "no JPEG");
  return blob;
}

export function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // once the browser has surely read it
}
