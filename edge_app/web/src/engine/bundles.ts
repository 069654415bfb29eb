/** Gets bundles from beside the app, and checks every model file before anything reads it. */
import { Invalid, list, match, record } from "../core/check";
import { NAME, parseManifest, webArtefact } from "../core/manifest";
import { Problem, type Artefact, type LoadedBundle } from "../types";

/** As named in vite.config.ts. */
const MODEL_CACHE = "bombus-models";

/** Names of the bundles that come with the app; the first is the default. */
export async function listBundles(): Promise<string[]> {
  const answer = await get("models/index.json", "no-cache");
  try {
    const index = record(await jsonOf(answer), "index");
    return list(match(NAME), 1)(index["bundles"], "bundles");
  } catch (error) {
    if (error instanceof Invalid) throw new Problem("model-unusable", error.message);
    throw error;
  }
}

/**
 * @param onProgress hears which share of the model file has come
 * @throws Problem "network" or "model-missing" where it cannot be had, "model-damaged" where the file
 *   is not the one that the manifest describes, "model-unusable" where the app cannot use it
 */
export async function loadBundle(
  name: string,
  onProgress: (share: number) => void = () => {},
): Promise<LoadedBundle> {
  const manifest = parseManifest(
    await jsonOf(await get(`models/${name}/manifest.json`, "no-cache")),
  );
  if (manifest.name !== name) throw new Problem("model-unusable", `${name} is ${manifest.name}`);
  const artefact = webArtefact(manifest);
  const url = modelUrl(name, artefact);
  const model = await download(url, (bytes) => onProgress(Math.min(bytes / artefact.bytes, 1)));
  await forgetOthers(url);
  if (model.byteLength !== artefact.bytes || (await sha256(model)) !== artefact.sha256) {
    await forget(url); // else the cache would answer with it for ever
    throw new Problem("model-damaged", artefact.file);
  }
  return { manifest, artefact, model };
}

/** The address of a model file. The hash makes an updated file another address for every cache. */
export function modelUrl(name: string, { file, sha256 }: Artefact): string {
  return new URL(`models/${name}/${file}?sha256=${sha256}`, document.baseURI).href;
}

async function get(url: string, cache: RequestCache = "default"): Promise<Response> {
  const answer = await fetch(new URL(url, document.baseURI), { cache }).catch((error: unknown) => {
    throw new Problem("network", String(error));
  });
  if (answer.status === 404) throw new Problem("model-missing", url);
  if (!answer.ok) throw new Problem("network", `${answer.status} ${url}`);
  return answer;
}

async function download(url: string, onBytes: (count: number) => void): Promise<ArrayBuffer> {
  const { body } = await get(url);
  let count = 0;
  const counter = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      onBytes((count += chunk.byteLength));
      controller.enqueue(chunk);
    },
  });
  const counted = new Response(body?.pipeThrough(counter) ?? null);
  return counted.arrayBuffer().catch((error: unknown) => {
    throw new Problem("network", String(error)); // broken off half way
  });
}

async function jsonOf(answer: Response): Promise<unknown> {
  try {
    return await answer.json();
  } catch (error) {
    throw new Problem("model-unusable", `${answer.url}: ${String(error)}`);
  }
}

async function sha256(data: ArrayBuffer): Promise<string> {
  const subtle = crypto.subtle as SubtleCrypto | undefined;
  if (!subtle) {
    throw new Problem("model-unusable", "models are checked on pages from https or localhost only");
  }
  const digest = new Uint8Array(await subtle.digest("SHA-256", data));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function forget(url: string): Promise<void> {
  if ("caches" in globalThis) await (await caches.open(MODEL_CACHE)).delete(url);
}

/** Drops cached earlier contents of the same file. */
async function forgetOthers(url: string): Promise<void> {
  if (!("caches" in globalThis)) return;
  const cache = await caches.open(MODEL_CACHE);
  const [path] = url.split("?");
  for (const request of await cache.keys()) {
    if (request.url !== url && request.url.split("?")[0] === path) await cache.delete(request);
  }
}
