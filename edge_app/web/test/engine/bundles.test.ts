import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { listBundles, loadBundle, modelUrl } from "../../src/engine/bundles";
import { Problem, type ProblemCode } from "../../src/types";
import { artefact, manifest, MODEL, MODEL_SHA256 } from "../bundle";

const BASE = "https://app.test/garden/";
const MODEL_URL = `${BASE}models/toy/toy_wi8_ai8.tflite?sha256=${MODEL_SHA256}`;

/** The server: a response for each address. */
let files: Map<string, () => Response | Promise<Response>>;
/** The model cache: addresses. */
let cached: Set<string>;

beforeEach(() => {
  files = new Map([
    [`${BASE}models/index.json`, () => Response.json({ bundles: ["toy", "other"] })],
    [`${BASE}models/toy/manifest.json`, () => Response.json(manifest())],
    [MODEL_URL, () => new Response(MODEL)],
  ]);
  cached = new Set();
  vi.stubGlobal("document", { baseURI: BASE });
  vi.stubGlobal("fetch", async (url: URL) => {
    return (await files.get(url.href)?.()) ?? new Response("", { status: 404 });
  });
  const cache = {
    delete: async (key: string | { url: string }) =>
      cached.delete(typeof key === "string" ? key : key.url),
    keys: async () => [...cached].map((url) => ({ url })),
  };
  vi.stubGlobal("caches", { open: async () => cache });
});
afterEach(() => void vi.unstubAllGlobals());

async function refusal(work: Promise<unknown>): Promise<ProblemCode> {
  const error: unknown = await work.catch((error: unknown) => error);
  if (error instanceof Problem) return error.code;
  throw new Error(`not refused: ${String(error)}`);
}

describe("listBundles", () => {
  it("lists them in the order of the index", async () => {
    expect(await listBundles()).toEqual(["toy", "other"]);
  });

  it.each([[{ bundles: [] }], [{ bundles: ["../up"] }], [{ bundles: "toy" }], [null]])(
    "refuses the index %j",
    async (index) => {
      files.set(`${BASE}models/index.json`, () => Response.json(index));
      expect(await refusal(listBundles())).toBe("model-unusable");
    },
  );

  it("tells of an app without models", async () => {
    files.clear();
    expect(await refusal(listBundles())).toBe("model-missing");
  });
});

describe("loadBundle", () => {
  it("hands over a model that matches its hash", async () => {
    const bundle = await loadBundle("toy");
    expect(new Uint8Array(bundle.model)).toEqual(MODEL);
    expect(bundle.artefact).toEqual(artefact());
    expect(bundle.manifest.labels).toEqual(["daisy", "iris", "rose"]);
  });

  it.each([
    ["other bytes", "a mudel"],
    ["a file cut short", "a mod"],
    ["an error page", "<html>"],
  ])("refuses %s, and keeps them in no cache", async (_, content) => {
    files.set(MODEL_URL, () => new Response(content));
    cached.add(MODEL_URL);
    expect(await refusal(loadBundle("toy"))).toBe("model-damaged");
    expect(cached).toEqual(new Set());
  });

  it("drops earlier contents of the same file from the cache, and nothing else", async () => {
    const earlier = MODEL_URL.replace(MODEL_SHA256, "0".repeat(64));
    const another = `${BASE}models/other/x.tflite?sha256=${MODEL_SHA256}`;
    cached = new Set([earlier, MODEL_URL, another]);
    await loadBundle("toy");
    expect(cached).toEqual(new Set([MODEL_URL, another]));
  });

  it("works without a cache", async () => {
    vi.unstubAllGlobals();
    vi.stubGlobal("document", { baseURI: BASE });
    vi.stubGlobal("fetch", async (url: URL) => files.get(url.href)!());
    await expect(loadBundle("toy")).resolves.toBeDefined();
  });

  it.each<[string, string, () => Response | Promise<Response>, ProblemCode]>([
    ["an absent manifest", "manifest", () => new Response("", { status: 404 }), "model-missing"],
    ["an absent model", "model", () => new Response("", { status: 404 }), "model-missing"],
    ["a manifest that is no JSON", "manifest", () => new Response("{"), "model-unusable"],
    [
      "a manifest of another bundle",
      "manifest",
      () => Response.json(manifest({ name: "b" })),
      "model-unusable",
    ],
    ["a server in trouble", "model", () => new Response("", { status: 503 }), "network"],
    ["no network", "model", () => Promise.reject(new TypeError("Failed to fetch")), "network"],
  ])("tells of %s", async (_, what, response, code) => {
    files.set(what === "model" ? MODEL_URL : `${BASE}models/toy/manifest.json`, response);
    expect(await refusal(loadBundle("toy"))).toBe(code);
  });

  it("uses no model that it cannot check", async () => {
    vi.stubGlobal("crypto", {});
    expect(await refusal(loadBundle("toy"))).toBe("model-unusable");
  });
});

describe("modelUrl", () => {
  it("changes with the content of the file", () => {
    expect(modelUrl("toy", artefact())).toBe(MODEL_URL);
    expect(modelUrl("toy", artefact({ sha256: "f".repeat(64) }))).not.toBe(MODEL_URL);
  });
});
