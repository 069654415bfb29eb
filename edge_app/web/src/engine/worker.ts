/**
 * The classic worker that runs the model with LiteRT.js, away from the page.
 *
 * Its loader needs `importScripts`, so this must not become a module worker.
 */
import {
  loadAndCompile,
  loadLiteRt,
  Tensor,
  unloadLiteRt,
  type CompiledModel,
} from "@litertjs/core";
import { resize, type ReadRows } from "../core/resize";
import { Problem, type Outputs, type Square } from "../types";
import { assignOutputs, type OutputIndices } from "./outputs";
import type { Open, Recognise, Reply, Request } from "./protocol";

interface Scope {
  postMessage(reply: Reply, transfer?: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent<Request>) => void): void;
  /** Read by Emscripten's glue code, which looks beside the worker file otherwise. */
  Module?: { locateFile: (file: string) => string; mainScriptUrlOrBlob: string };
}
const scope = self as unknown as Scope;

interface Opened {
  model: CompiledModel;
  size: number;
  float: boolean;
  indices: OutputIndices;
}
let opened: Opened | undefined;

scope.addEventListener("message", ({ data }) => {
  if (data.type === "open") void answer(open(data));
  else void answer(recognise(data), data.id);
});

async function answer(work: Promise<[Reply, Transferable[]]>, id?: number): Promise<void> {
  try {
    const [reply, transfer] = await work;
    scope.postMessage(reply, transfer);
  } catch (error) {
    const { code, message } = error instanceof Problem ? error : problemOf(error);
    // A trap leaves the runtime's memory as it was half way: nothing after it can be trusted.
    const survives = id !== undefined && !(error instanceof WebAssembly.RuntimeError);
    scope.postMessage({ type: "failed", ...(survives ? { id } : {}), code, detail: message });
  }
}

function problemOf(error: unknown): Problem {
  return new Problem("internal", String(error));
}

async function open({ runtime, model, threads, size, outputs }: Open): Promise<[Reply, []]> {
  assertWasm();
  const used = await start(runtime, threads);
  const compiled = await loadAndCompile(new Uint8Array(model), {
    accelerator: "wasm",
    cpuOptions: { numThreads: used },
  }).catch((error: unknown) => {
    throw new Problem("model-unusable", String(error));
  });
  const [input, ...others] = compiled.getInputDetails();
  if (!input || others.length || String(Array.from(input.shape)) !== `1,${size},${size},3`) {
    throw new Problem("model-unusable", `the model's input is not [1, ${size}, ${size}, 3]`);
  }
  const found = compiled.getOutputDetails().map(({ name, shape }) => ({ name, shape: [...shape] }));
  opened = {
    model: compiled,
    size,
    float: input.dtype === "float32",
    indices: assignOutputs(found, outputs),
  };
  return [{ type: "opened", threads: used }, []];
}

/** A page's policy may forbid WebAssembly, and a phone's lockdown mode takes it away. */
function assertWasm(): void {
  try {
    new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  } catch (error) {
    throw new Problem("wasm-blocked", String(error));
  }
}

/** Starts the runtime; with one thread where more are not to be had. Returns how many. */
async function start(runtime: string, threads: number): Promise<number> {
  if (threads > 1) {
    try {
      await load(runtime, true);
      return threads;
    } catch {
      unloadLiteRt(); // WebKit, for one, has threads but not the SIMD that this build needs
    }
  }
  try {
    await load(runtime, false);
    return 1;
  } catch (error) {
    const code = error instanceof WebAssembly.CompileError ? "wasm-blocked" : "network";
    throw new Problem(code, String(error));
  }
}

/** LiteRT chooses the build that suits the browser: see `liteRtFiles` in vite.config.ts. */
async function load(runtime: string, threads: boolean): Promise<void> {
  // Every load clears it.
  scope.Module = {
    locateFile: (file) => runtime + file,
    mainScriptUrlOrBlob: `${runtime}litert_wasm_threaded_internal.js`,
  };
  await loadLiteRt(runtime, { threads });
}

async function recognise({ id, image, square }: Recognise): Promise<[Reply, Transferable[]]> {
  if (!opened) throw new Problem("internal", "the model is not open");
  const started = performance.now();
  const { model, size, float, indices } = opened;
  let levels: Uint8Array<ArrayBuffer>;
  try {
    levels = resize(rowsOf(image, square), square.side, size);
  } finally {
    image.close();
  }
  const shape = [1, size, size, 3];
  const input = float ? new Tensor(Float32Array.from(levels), shape) : new Tensor(levels, shape);
  let results: Tensor[] = [];
  try {
    results = await model.run([input]);
    const outputs: Outputs = {
      ...read(results, indices),
      milliseconds: performance.now() - started,
    };
    return [{ type: "recognised", id, outputs }, []];
  } finally {
    for (const tensor of [input, ...results]) tensor.delete();
  }
}

/** Reads strips of the image's square: canvases of a whole photo are too large for some phones. */
function rowsOf(image: ImageBitmap, { left, top, side }: Square): ReadRows {
  return (first, count) => {
    const canvas = new OffscreenCanvas(side, count);
    // In main memory: a trip through the GPU is slower and, on some, not exact.
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Problem("internal", "no canvas in the worker");
    context.drawImage(image, -left, -(top + first));
    return context.getImageData(0, 0, side, count).data;
  };
}

function read(results: readonly Tensor[], indices: OutputIndices): Omit<Outputs, "milliseconds"> {
  const values = (index: number) => Float32Array.from(results[index]!.toTypedArray());
  const { logits, probabilities, map, familiarity } = indices;
  const classes = values(logits);
  return {
    logits: probabilities ? classes.map((p) => Math.log(Math.max(p, 1e-12))) : classes,
    ...(map
      ? { activationMap: { data: values(map.index), rows: map.rows, columns: map.columns } }
      : {}),
    ...(familiarity === undefined ? {} : { familiarity: values(familiarity)[0] ?? 0 }),
  };
}
