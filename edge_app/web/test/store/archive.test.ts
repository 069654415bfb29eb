import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { strFromU8, strToU8, unzipSync, zipSync } from "fflate";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { exportCsv, exportZip, importZip } from "../../src/store/archive";
import { closeObservations, listObservations, saveObservation } from "../../src/store/observations";
import { JPEG, observation } from "./find";

beforeEach(() => {
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("navigator", {});
});
afterEach(async () => {
  await closeObservations();
  vi.unstubAllGlobals();
});

const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer());

describe("ZIP", () => {
  it("holds readable JSON and the photos as they are", async () => {
    const photos = [JPEG, JPEG.map((byte) => byte)].map((one) => new Blob([one]));
    const zip = await exportZip([observation({ photos, notes: "día 中文" })]);
    expect(zip.type).toBe("application/zip");
    const files = unzipSync(await bytesOf(zip));
    expect(Object.keys(files).sort()).toEqual([
      "observations.json",
      "photos/a-1-1.jpg",
      "photos/a-1-2.jpg",
    ]);
    expect(files["photos/a-1-2.jpg"]).toEqual(JPEG);
    const json = JSON.parse(strFromU8(files["observations.json"]!)) as Record<string, unknown>;
    expect(json).toMatchObject({
      schema: "bombus/observations@1",
      observations: [
        { id: "a-1", notes: "día 中文", photos: ["photos/a-1-1.jpg", "photos/a-1-2.jpg"] },
      ],
    });
  });

  it("brings everything back on another device", async () => {
    const kept = [
      observation({
        id: "b",
        date: "2026-07-01T00:00:00.000Z",
        correction: "peony",
        notes: "=1+1",
        place: { latitude: -33.5, longitude: 151.2, accuracy: 5 },
      }),
      observation({ id: "a", photos: [] }),
    ];
    expect(await importZip(await exportZip(kept))).toBe(2);
    const [first, second] = await listObservations();
    expect({ ...first, photos: [] }).toEqual({ ...kept[0], photos: [] });
    expect(await bytesOf(first!.photos[0]!)).toEqual(JPEG);
    expect(first!.photos[0]!.type).toBe("image/jpeg");
    expect(second).toEqual(kept[1]);
  });

  it("merges by id: nothing here is overwritten, what lacks is filled", async () => {
    const archive = await exportZip([
      observation({ id: "a", correction: "rose", notes: "theirs" }),
      observation({ id: "b" }),
    ]);
    await saveObservation(observation({ id: "a", notes: "mine" }));
    expect(await importZip(archive)).toBe(1);
    const a = (await listObservations()).find(({ id }) => id === "a");
    expect(a).toMatchObject({ correction: "rose", notes: "mine" });
    expect(await importZip(archive)).toBe(0);
    expect((await listObservations()).length).toBe(2);
  });

  const archiveOf = (index: unknown, files: Record<string, Uint8Array> = {}) =>
    zipSync({ "observations.json": strToU8(JSON.stringify(index)), ...files });
  const one = { ...observation(), photos: ["photos/a-1-1.jpg"] };
  const index = (...observations: unknown[]) => ({ schema: "bombus/observations@1", observations });

  it.each<[string, Uint8Array]>([
    ["an empty file", new Uint8Array()],
    ["no ZIP", strToU8("hello, this is a text and no archive at all")],
    ["a ZIP of other things", zipSync({ "a.txt": strToU8("a") })],
    ["JSON that is none", zipSync({ "observations.json": strToU8("{") })],
    [
      "a text in another encoding",
      zipSync({ "observations.json": Uint8Array.of(0x22, 0xff, 0x22) }),
    ],
    ["another schema", archiveOf({ schema: "bombus/observations@2", observations: [] })],
    ["no list", archiveOf({ schema: "bombus/observations@1" })],
    ["a photo that is not there", archiveOf(index(one))],
    ["a photo that is no JPEG", archiveOf(index(one), { "photos/a-1-1.jpg": strToU8("<svg/>") })],
    ["a photo outside", archiveOf(index({ ...one, photos: ["../x.jpg"] }), { "../x.jpg": JPEG })],
    ["a name that all objects have", archiveOf(index({ ...one, photos: ["constructor"] }))],
    ["an id that is a path", archiveOf(index({ ...one, photos: [], id: "../../x" }))],
    ["no date", archiveOf(index({ ...one, photos: [], date: "yesterday" }))],
    [
      "a place off the globe",
      archiveOf(index({ ...one, photos: [], place: { latitude: 91, longitude: 0, accuracy: 1 } })),
    ],
    [
      "one bad observation among good ones",
      archiveOf(index({ ...one, photos: [] }, { ...one, photos: [], verdict: null })),
    ],
  ])("refuses %s and adds nothing", async (_, data) => {
    const importing = importZip(new Blob([data as Uint8Array<ArrayBuffer>]));
    await expect(importing).rejects.toMatchObject({ code: "archive-unreadable" });
    expect(await listObservations()).toEqual([]);
  });

  it("refuses a ZIP cut short", async () => {
    const data = await bytesOf(await exportZip([observation()]));
    const importing = importZip(new Blob([data.slice(0, -30)]));
    await expect(importing).rejects.toMatchObject({ code: "archive-unreadable" });
  });

  it("refuses a ZIP that unpacks to more than any photo", async () => {
    const bomb = Buffer.from(archiveOf(index(one), { "photos/a-1-1.jpg": JPEG }));
    // The size that the directory at the end claims for its last file.
    bomb.writeUInt32LE((64 << 20) + 1, bomb.lastIndexOf("PK\x01\x02") + 24);
    const importing = importZip(new Blob([new Uint8Array(bomb)]));
    await expect(importing).rejects.toMatchObject({
      code: "archive-unreadable",
      message: expect.stringContaining("too large") as string,
    });
  });
});

describe("CSV", () => {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const lines = async (blob: Blob) => decoder.decode(await blob.arrayBuffer()).split("\r\n");

  it("has a header and a line for each, ended by CRLF, with a mark for spreadsheets", async () => {
    const [header, first, end] = await lines(exportCsv([observation()]));
    expect(header).toBe(
      "\ufeffid,date,verdict,known,label_1,confidence_1,label_2,confidence_2,label_3,confidence_3," +
        "correction,notes,latitude,longitude,accuracy_m,photos,bundle,bundle_version,artefact",
    );
    expect(first).toBe(
      "a-1,2026-06-01T10:00:00.000Z,sure,0.99,iris,0.9,rose,0.06,tulip,0.04," +
        ",,,,,1,flowers,0.1.0,flowers_wi8_ai8.tflite",
    );
    expect(end).toBe("");
  });

  it("quotes what would break a line", async () => {
    const notes = 'a "big", red\r\none';
    const text = await exportCsv([observation({ notes })]).text();
    expect(text).toContain(',"a ""big"", red\r\none",');
  });

  it.each(["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1"])(
    "does not let a spreadsheet run the note %j",
    async (notes) => {
      expect(await exportCsv([observation({ notes })]).text()).toContain(`,'${notes},`);
    },
  );

  it("leaves negative numbers numbers", async () => {
    const place = { latitude: -33.5, longitude: -0.25, accuracy: 5 };
    expect(await exportCsv([observation({ place })]).text()).toContain(",-33.5,-0.25,5,");
  });
});
