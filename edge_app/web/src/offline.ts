/**
 * The service worker, which keeps the app for when the network is gone.
 *
 * It only keeps what passes through it: the page waits for `takeControl` before it fetches the
 * runtime and a model.
 */
import { modelUrl } from "./engine/bundles";
import type { LoadedBundle } from "./types";

/** Milliseconds to wait for it; the app works without it, too. */
const PATIENCE = 4000;
const STEP = 250;

const RUNTIME_CACHES = "bombus-rt-";

/** Registers the service worker and waits until it controls the page; false if it does not. */
export async function takeControl(): Promise<boolean> {
  const container = serviceWorkers();
  if (!container) return false;
  try {
    const controlled = new Promise<void>((resolve) => {
      container.addEventListener("controllerchange", () => resolve(), { once: true });
    });
    await container.register(new URL("sw.js", document.baseURI));
    void forgetOldRuntimes();
    if (!container.controller) await Promise.race([controlled, pause(PATIENCE)]);
  } catch {
    return false; // forbidden, or not to be had: the app goes on online
  }
  return container.controller !== null;
}

/** Calls back when a newer version of the app has taken over, to be used from the next start on. */
export function onUpdate(callback: () => void): () => void {
  const container = serviceWorkers();
  if (!container) return () => {};
  // On a first visit, the first to take over brings nothing new.
  let first = container.controller === null;
  const listener = () => {
    if (!first) callback();
    first = false;
  };
  container.addEventListener("controllerchange", listener);
  return () => container.removeEventListener("controllerchange", listener);
}

/**
 * Whether the app would start without a network now and recognise with this bundle. Waits a little,
 * since the service worker is still writing what the page has just been given.
 *
 * @param threads in use by the engine
 */
export async function isReadyOffline(bundle: LoadedBundle, threads: number): Promise<boolean> {
  if (!serviceWorkers()?.controller) return false;
  const { manifest, artefact } = bundle;
  const model = [
    modelUrl(manifest.name, artefact),
    absolute("models/index.json"),
    absolute(`models/${manifest.name}/manifest.json`),
  ];
  // A browser always chooses the same build of the runtime: one that it has kept is its own.
  const runtimes = (threads > 1 ? ["threaded_"] : ["", "compat_"]).map((build) =>
    ["js", "wasm"].map((suffix) => absolute(`rt/litert_wasm_${build}internal.${suffix}`)),
  );
  for (let waited = 0; waited <= PATIENCE; waited += STEP) {
    const runtime = await Promise.all(runtimes.map(areKept));
    if (runtime.includes(true) && (await areKept(model))) return true;
    await pause(STEP);
  }
  return false;
}

async function areKept(urls: readonly string[]): Promise<boolean> {
  const kept = await Promise.all(urls.map((url) => caches.match(url)));
  return kept.every((answer) => answer !== undefined);
}

/** Absent in an APK, in private windows of some browsers, and on pages held for insecure. */
function serviceWorkers(): ServiceWorkerContainer | undefined {
  return (navigator as { serviceWorker?: ServiceWorkerContainer }).serviceWorker;
}

/** Each version of the runtime has its own cache; megabytes of earlier ones are dropped. */
async function forgetOldRuntimes(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name.startsWith(RUNTIME_CACHES) && name !== RUNTIME_CACHE) await caches.delete(name);
  }
}

function absolute(path: string): string {
  return new URL(path, document.baseURI).href;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
