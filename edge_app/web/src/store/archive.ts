/** Takes observations to another device or program, and back: ZIP with JSON and photos, and CSV. */
import { strToU8, unzipSync, Zip, ZipPassThrough, type UnzipFileInfo } from "fflate";
import { Problem, type Observation } from "../types";
import { fromJson, toJson, type ObservationJson } from "./observationJson";
import { listObservations, saveObservations } from "./observations";

const INDEX = "observations.json";
const PHOTO = /^photos\/[A-Za-z0-9_-]{1,80}\.jpg$/;

/** Bytes that a file in an archive, and all of them, may unpack to: more is an attack, not a photo. */
const LARGEST_FILE = 64 << 20;
const LARGEST_ARCHIVE = 2 ** 31;

export async function exportZip(observations: readonly Observation[]): Promise<Blob> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    chunks.push(chunk as Uint8Array<ArrayBuffer>);
  });
  // JPEG does not shrink any further: stored, and one at a time.
  const add = (name: string, data: Uint8Array) => {
    const entry = new ZipPassThrough(name);
    zip.add(entry);
    entry.push(data, true);
  };
  const index: ObservationJson[] = [];
  for (const observation of observations) {
    const names = observation.photos.map((_, i) => `photos/${observation.id}-${i + 1}.jpg`);
    index.push({ ...observation, photos: names });
    for (const [i, photo] of observation.photos.entries()) {
      add(names[i]!, new Uint8Array(await photo.arrayBuffer()));
    }
  }
  add(INDEX, strToU8(toJson(index)));
  zip.end();
  return new Blob(chunks, { type: "application/zip" });
}

/**
 * Adds what an archive holds to what is here. Of an observation that is here already, only what it
 * lacks is taken over: an import never overwrites.
 *
 * @returns how many observations are new
 * @throws Problem "archive-unreadable", and then nothing has been added
 */
export async function importZip(file: Blob): Promise<number> {
  const imported = await readZip(file);
  const here = new Map((await listObservations()).map((one) => [one.id, one]));
  await saveObservations(imported.map((one) => ({ ...one, ...here.get(one.id) })));
  return imported.filter(({ id }) => !here.has(id)).length;
}

async function readZip(file: Blob): Promise<Observation[]> {
  try {
    const files = unpack(new Uint8Array(await file.arrayBuffer()));
    const index = files[INDEX];
    if (!index) throw new Error(`no ${INDEX} in it`);
    const json = new TextDecoder("utf-8", { fatal: true }).decode(index);
    return fromJson(json).map((observation) => ({
      ...observation,
      photos: observation.photos.map((name) => photoOf(name, files)),
    }));
  } catch (error) {
    throw new Problem("archive-unreadable", String(error));
  }
}

function photoOf(name: string, files: Record<string, Uint8Array>): Blob {
  const data = Object.hasOwn(files, name) ? files[name] : undefined;
  if (!data) throw new Error(`no ${name} in it`);
  if (data[0] !== 0xff || data[1] !== 0xd8) throw new Error(`${name} is no JPEG`);
  return new Blob([data as Uint8Array<ArrayBuffer>], { type: "image/jpeg" });
}

/** Without fflate's own workers: they start from blobs, which the page's policy forbids. */
function unpack(data: Uint8Array): Record<string, Uint8Array> {
  let total = 0;
  const filter = ({ name, originalSize }: UnzipFileInfo): boolean => {
    if (name !== INDEX && !PHOTO.test(name)) return false;
    total += originalSize;
    if (originalSize > LARGEST_FILE || total > LARGEST_ARCHIVE)
      throw new Error(`${name}: too large`);
    return true;
  };
  return unzipSync(data, { filter });
}

type Cell = string | number | undefined;

const COLUMNS: Record<string, (observation: Observation) => Cell> = {
  id: ({ id }) => id,
  date: ({ date }) => date,
  verdict: ({ verdict }) => verdict.kind,
  known: ({ verdict }) => verdict.known,
  label_1: ({ verdict }) => verdict.guesses[0]?.label,
  confidence_1: ({ verdict }) => verdict.guesses[0]?.confidence,
  label_2: ({ verdict }) => verdict.guesses[1]?.label,
  confidence_2: ({ verdict }) => verdict.guesses[1]?.confidence,
  label_3: ({ verdict }) => verdict.guesses[2]?.label,
  confidence_3: ({ verdict }) => verdict.guesses[2]?.confidence,
  correction: ({ correction }) => correction,
  notes: ({ notes }) => notes,
  latitude: ({ place }) => place?.latitude,
  longitude: ({ place }) => place?.longitude,
  accuracy_m: ({ place }) => place?.accuracy,
  photos: ({ photos }) => photos.length,
  bundle: ({ bundle }) => bundle.name,
  bundle_version: ({ bundle }) => bundle.version,
  artefact: ({ bundle }) => bundle.artefact,
};

/** RFC 4180, in UTF-8 with the mark by which spreadsheets know it. */
export function exportCsv(observations: readonly Observation[]): Blob {
  const columns = Object.values(COLUMNS);
  const rows: Cell[][] = [
    Object.keys(COLUMNS),
    ...observations.map((observation) => columns.map((column) => column(observation))),
  ];
  const lines = rows.map((row) => `${row.map(cell).join(",")}\r\n`);
  return new Blob(["\ufeff", ...lines], { type: "text/csv;charset=utf-8" });
}

function cell(value: Cell): string {
  if (typeof value !== "string") return String(value ?? "");
  // A spreadsheet would run a text that starts like this as a formula.
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
