import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { openDB } from "idb";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  changeObservation,
  closeObservations,
  getObservation,
  listObservations,
  removeObservation,
  saveObservation,
  saveObservations,
} from "../../src/store/observations";
import { JPEG, observation } from "./find";

const persist = vi.fn();

beforeEach(() => {
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("navigator", { storage: { persist } });
  persist.mockReset().mockResolvedValue(true);
});
afterEach(async () => {
  await closeObservations();
  vi.unstubAllGlobals();
});

describe("observations", () => {
  it("come back as they were saved, photos included", async () => {
    const saved = observation({
      notes: "by the pond",
      place: { latitude: 1.5, longitude: -2, accuracy: 12 },
    });
    await saveObservation(saved);
    await closeObservations(); // as if the app were started again
    const found = (await getObservation("a-1"))!;
    expect({ ...found, photos: [] }).toEqual({ ...saved, photos: [] });
    expect(new Uint8Array(await found.photos[0]!.arrayBuffer())).toEqual(JPEG);
  });

  it("are listed the newest first", async () => {
    await saveObservations([
      observation({ id: "b", date: "2026-05-02T00:00:00.000Z" }),
      observation({ id: "c", date: "2026-07-02T00:00:00.000Z" }),
      observation({ id: "a", date: "2025-12-31T00:00:00.000Z" }),
    ]);
    expect((await listObservations()).map(({ id }) => id)).toEqual(["c", "b", "a"]);
  });

  it("are replaced by id: the correction stands beside the verdict", async () => {
    await saveObservation(observation());
    await saveObservation(observation({ correction: "rose" }));
    const all = await listObservations();
    expect(all.length).toBe(1);
    expect(all[0]).toMatchObject({ correction: "rose", verdict: { kind: "sure" } });
  });

  it("go when they are deleted", async () => {
    await saveObservations([observation({ id: "a" }), observation({ id: "b" })]);
    await removeObservation("a");
    expect(await getObservation("a")).toBeUndefined();
    expect((await listObservations()).map(({ id }) => id)).toEqual(["b"]);
  });

  it("take edits and removals in turn, and lose none", async () => {
    await saveObservation(observation({ id: "a" }));
    const edits = [
      changeObservation("a", (now) => ({ ...now, notes: "by the mill" })),
      changeObservation("a", (now) => ({ ...now, correction: "rose" })),
    ];
    const removed = removeObservation("a");
    const late = changeObservation("a", (now) => ({ ...now, notes: "too late" }));
    await Promise.all([...edits, late]);
    expect(await removed).toMatchObject({ notes: "by the mill", correction: "rose" });
    expect(await listObservations()).toEqual([]); // an edit brings nothing back
  });

  it("are saved all or none", async () => {
    const bad = observation({ id: "b", notes: (() => "") as unknown as string }); // not cloneable
    await expect(saveObservations([observation({ id: "a" }), bad])).rejects.toThrow();
    expect(await listObservations()).toEqual([]);
  });

  it("ask the browser to keep them, and are saved if it refuses", async () => {
    persist.mockRejectedValue(new Error("no"));
    await saveObservation(observation());
    expect(persist).toHaveBeenCalled();
    vi.stubGlobal("navigator", {});
    await saveObservation(observation({ id: "b" }));
    expect((await listObservations()).length).toBe(2);
  });
});

describe("trouble", () => {
  it("is storage-full when the disk is", async () => {
    await saveObservation(observation());
    const full = () => {
      throw new DOMException("no room", "QuotaExceededError");
    };
    const put = vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(full);
    const saving = saveObservation(observation({ id: "b" }));
    await expect(saving).rejects.toMatchObject({ code: "storage-full" });
    put.mockRestore();
    await saveObservation(observation({ id: "b" })); // there is room again
    expect((await listObservations()).length).toBe(2);
  });

  it("is storage-blocked where the browser has no database, or refuses it", async () => {
    vi.stubGlobal("indexedDB", {
      open() {
        throw new DOMException("The operation is insecure.", "SecurityError");
      },
    });
    await expect(listObservations()).rejects.toMatchObject({ code: "storage-blocked" });
    Reflect.deleteProperty(globalThis, "indexedDB");
    await expect(listObservations()).rejects.toMatchObject({ code: "storage-blocked" });
  });

  it("passes once the database can be had again", async () => {
    const factory = indexedDB;
    vi.stubGlobal("indexedDB", {
      open() {
        throw new DOMException("x", "UnknownError");
      },
    });
    await expect(listObservations()).rejects.toThrow();
    vi.stubGlobal("indexedDB", factory);
    expect(await listObservations()).toEqual([]);
  });

  it("does not touch the database of a newer app", async () => {
    const newer = await openDB("bombus", 99, { upgrade: (db) => void db.createObjectStore("x") });
    newer.close();
    await expect(listObservations()).rejects.toMatchObject({ code: "storage-blocked" });
    const still = await openDB("bombus");
    expect(still.version).toBe(99);
    still.close();
  });

  it("makes way for a newer app in another tab", async () => {
    await saveObservation(observation());
    const newer = await openDB("bombus", 99); // would wait for ever if the old one held on
    expect(await newer.getAllKeys("observations")).toEqual(["a-1"]);
    newer.close();
  });
});
