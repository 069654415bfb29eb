/** Kept sightings, in the browser's own database on this device. */
import { openDB, type DBSchema, type IDBPDatabase, type IDBPObjectStore } from "idb";
import { Problem, type Observation } from "../types";

const NAME = "bombus";
const STORE = "observations";

interface Schema extends DBSchema {
  [STORE]: { key: string; value: Observation; indexes: { date: string } };
}
type Database = IDBPDatabase<Schema>;
type Store = IDBPObjectStore<Schema, [typeof STORE], typeof STORE, "readwrite">;

/**
 * From each version of the database to the next; the version is how many there are. What an app on
 * some phone has run already must never change: append.
 */
const UPGRADES: ((database: Database) => void)[] = [
  (database) => {
    database.createObjectStore(STORE, { keyPath: "id" }).createIndex("date", "date");
  },
];

let connection: Promise<Database> | undefined;

/** Adds an observation, or replaces the one with its id. */
export async function saveObservation(observation: Observation): Promise<void> {
  await saveObservations([observation]);
}

/** Adds or replaces all of them, or none. */
export async function saveObservations(observations: readonly Observation[]): Promise<void> {
  await writing(async (store) => {
    for (const observation of observations) await store.put(observation);
  });
  void askToKeep();
}

/**
 * Edits an observation as it stands in the database, if it is still there. Edits and removals take
 * turns in the order they were asked for, so none is lost to another.
 */
export async function changeObservation(
  id: string,
  change: (observation: Observation) => Observation,
): Promise<void> {
  await writing(async (store) => {
    const now = await store.get(id);
    if (now) await store.put(change(now));
  });
}

/** Takes an observation out and hands it back, so that it can be put in again. */
export async function removeObservation(id: string): Promise<Observation | undefined> {
  return writing(async (store) => {
    const last = await store.get(id);
    await store.delete(id);
    return last;
  });
}

/** All of the work in one transaction, or none of it. */
async function writing<T>(work: (store: Store) => Promise<T>): Promise<T> {
  return using(async (database) => {
    const transaction = database.transaction(STORE, "readwrite", { durability: "strict" });
    try {
      const result = await work(transaction.store);
      await transaction.done;
      return result;
    } catch (error) {
      transaction.done.catch(() => {}); // the error below says it already
      abort(transaction);
      throw error;
    }
  });
}

function abort(transaction: { abort(): void }): void {
  try {
    transaction.abort();
  } catch {
    // It has ended by itself.
  }
}

/** Browsers clear the storage of pages that never asked. Some ask the person, who may take time. */
async function askToKeep(): Promise<void> {
  const storage = navigator.storage as StorageManager | undefined;
  await storage?.persist?.().catch(() => false);
}

export async function getObservation(id: string): Promise<Observation | undefined> {
  return using((database) => database.get(STORE, id));
}

/** All of them, the newest first. */
export async function listObservations(): Promise<Observation[]> {
  const observations = await using((database) => database.getAllFromIndex(STORE, "date"));
  return observations.reverse();
}

/** Closes the database; the next call opens it again. */
export async function closeObservations(): Promise<void> {
  const open = connection;
  connection = undefined;
  (await open?.catch(() => undefined))?.close();
}

async function using<T>(work: (database: Database) => Promise<T>): Promise<T> {
  try {
    connection ??= connect();
    return await work(await connection);
  } catch (error) {
    await closeObservations(); // the next try starts afresh
    throw problemOf(error);
  }
}

function connect(): Promise<Database> {
  return new Promise((resolve, reject) => {
    if (!("indexedDB" in globalThis)) throw new Error("this browser has no database");
    openDB<Schema>(NAME, UPGRADES.length, {
      upgrade(database, version) {
        for (const upgrade of UPGRADES.slice(version)) upgrade(database);
      },
      // Another tab holds an older version and does not let go.
      blocked: () => reject(new Error("the database is in use by another tab")),
      // Another tab brings a newer version: make way.
      blocking: () => void closeObservations(),
      terminated: () => void (connection = undefined),
    }).then(resolve, reject);
  });
}

function problemOf(error: unknown): Problem {
  const { name = "", message = "" } = error instanceof Error ? error : {};
  // Chromium aborts the transaction with this error, Firefox and WebKit fail the request.
  const full = name === "QuotaExceededError" || /quota/i.test(message);
  return new Problem(full ? "storage-full" : "storage-blocked", `${name} ${message}`.trim());
}
