import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { isReadyOffline, onUpdate, takeControl } from "../src/offline";
import type { LoadedBundle } from "../src/types";
import { artefact, manifest, MODEL_SHA256 } from "./bundle";

const BASE = "https://app.test/garden/";
const bundle: LoadedBundle = {
  manifest: manifest(),
  artefact: artefact(),
  model: new ArrayBuffer(0),
};

/** The browser's service workers, of which one takes control when the test says so. */
class Container extends EventTarget {
  controller: object | null = null;
  register = vi.fn(async (_script: URL) => ({}));

  takeOver(): void {
    this.controller = {};
    this.dispatchEvent(new Event("controllerchange"));
  }
}
let container: Container;
let caches: Map<string, Set<string>>;

beforeEach(() => {
  vi.useFakeTimers();
  container = new Container();
  caches = new Map();
  vi.stubGlobal("RUNTIME_CACHE", "bombus-rt-2");
  vi.stubGlobal("document", { baseURI: BASE });
  vi.stubGlobal("navigator", { serviceWorker: container });
  vi.stubGlobal("caches", {
    keys: async () => [...caches.keys()],
    delete: async (name: string) => caches.delete(name),
    match: async (url: string) =>
      [...caches.values()].some((urls) => urls.has(url)) ? new Response() : undefined,
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("takeControl", () => {
  it("waits for the service worker on a first visit", async () => {
    const control = takeControl();
    setTimeout(() => container.takeOver(), 1000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await control).toBe(true);
    expect(container.register.mock.calls[0]![0].href).toBe(`${BASE}sw.js`);
  });

  it("does not wait where it controls the page already", async () => {
    container.controller = {};
    expect(await takeControl()).toBe(true);
  });

  it("goes on without it after a while, or where there is none", async () => {
    const control = takeControl();
    await vi.advanceTimersByTimeAsync(4000);
    expect(await control).toBe(false);
    container.register.mockRejectedValue(new DOMException("x", "SecurityError"));
    expect(await takeControl()).toBe(false);
    vi.stubGlobal("navigator", {});
    expect(await takeControl()).toBe(false);
  });

  it("drops the caches of earlier runtimes only", async () => {
    for (const name of ["bombus-rt-1", "bombus-rt-2", "bombus-models"]) caches.set(name, new Set());
    container.controller = {};
    await takeControl();
    await vi.advanceTimersByTimeAsync(1);
    expect([...caches.keys()]).toEqual(["bombus-rt-2", "bombus-models"]);
  });
});

describe("isReadyOffline", () => {
  const files = (build: string) =>
    new Set([
      `${BASE}models/index.json`,
      `${BASE}models/toy/manifest.json`,
      `${BASE}models/toy/toy_wi8_ai8.tflite?sha256=${MODEL_SHA256}`,
      `${BASE}rt/litert_wasm_${build}internal.js`,
      `${BASE}rt/litert_wasm_${build}internal.wasm`,
    ]);
  const ready = async (threads = 1) => {
    const answer = isReadyOffline(bundle, threads);
    await vi.advanceTimersByTimeAsync(10_000);
    return answer;
  };

  it("is true with the model and the runtime in use kept", async () => {
    container.controller = {};
    caches.set("all", files("compat_"));
    expect(await ready(1)).toBe(true);
    expect(await ready(2)).toBe(false);
    caches.set("all", files(""));
    expect(await ready(1)).toBe(true);
    caches.set("all", files("threaded_"));
    expect(await ready(2)).toBe(true);
  });

  it("is false while any of them is missing", async () => {
    container.controller = {};
    for (const missing of files("compat_")) {
      const kept = files("compat_");
      kept.delete(missing);
      caches.set("all", kept);
      expect(await ready(), missing).toBe(false);
    }
  });

  it("waits for the last file to be written", async () => {
    container.controller = {};
    setTimeout(() => caches.set("all", files("compat_")), 2000);
    expect(await ready()).toBe(true);
  });

  it("is false without a service worker", async () => {
    caches.set("all", files("compat_"));
    expect(await ready()).toBe(false);
  });
});

describe("onUpdate", () => {
  it("calls when another version takes over, not on a first visit", () => {
    const callback = vi.fn();
    onUpdate(callback);
    container.takeOver();
    expect(callback).not.toHaveBeenCalled();
    container.takeOver();
    expect(callback).toHaveBeenCalledOnce();
  });

  it("calls for the first change where a version is in control already", () => {
    container.controller = {};
    const callback = vi.fn();
    const stop = onUpdate(callback);
    container.takeOver();
    expect(callback).toHaveBeenCalledOnce();
    stop();
    container.takeOver();
    expect(callback).toHaveBeenCalledOnce();
  });
});
