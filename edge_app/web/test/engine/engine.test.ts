import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Engine, type WorkerLike } from "../../src/engine/engine";
import type { Open, Recognise, Reply, Request } from "../../src/engine/protocol";
import { Problem, type LoadedBundle, type Outputs } from "../../src/types";
import { artefact, manifest, MODEL } from "../bundle";

/** A worker that answers when the test says so. */
class FakeWorker implements WorkerLike {
  onmessage: WorkerLike["onmessage"] = null;
  onerror: WorkerLike["onerror"] = null;
  onmessageerror: WorkerLike["onmessageerror"] = null;
  received: Request[] = [];
  terminated = false;

  constructor(private readonly onOpen: (worker: FakeWorker) => void) {}

  postMessage(request: Request): void {
    this.received.push(request);
    if (request.type === "open") queueMicrotask(() => this.onOpen(this));
  }

  terminate(): void {
    this.terminated = true;
  }

  reply(reply: Reply): void {
    this.onmessage?.({ data: reply } as MessageEvent<Reply>);
  }

  crash(message = "out of memory"): void {
    this.onerror?.({ message, preventDefault() {} } as ErrorEvent);
  }

  get opened(): Open {
    return this.received[0] as Open;
  }

  get asked(): Recognise[] {
    return this.received.slice(1) as Recognise[];
  }
}

let workers: FakeWorker[];
let onOpen: (worker: FakeWorker) => void;
const createWorker = () => {
  const worker = new FakeWorker((one) => onOpen(one));
  workers.push(worker);
  return worker;
};
const bundle: LoadedBundle = { manifest: manifest(), artefact: artefact(), model: MODEL.buffer };
const open = (threads = 1) => Engine.open(bundle, threads, createWorker);
const photo = (width = 640, height = 480) => ({ width, height }) as ImageBitmap;
const outputs = (z: number): Outputs => ({ logits: Float32Array.of(z), milliseconds: 1 });
const raise = (error: Error): never => {
  throw error;
};
const settle = () => new Promise((resolve) => setTimeout(resolve));

beforeEach(() => {
  workers = [];
  onOpen = (worker) => worker.reply({ type: "opened", threads: worker.opened.threads });
  vi.stubGlobal("document", { baseURI: "https://app.test/garden/" });
  vi.stubGlobal("crossOriginIsolated", true);
  vi.stubGlobal("createImageBitmap", async (_: unknown, ...crop: number[]) => ({
    crop,
    close: vi.fn(),
  }));
});
afterEach(() => void vi.unstubAllGlobals());

describe("Engine.open", () => {
  it("hands the worker the model and says how many threads it got", async () => {
    onOpen = (worker) => worker.reply({ type: "opened", threads: 1 });
    const engine = await open(4);
    expect(workers[0]!.opened).toMatchObject({
      runtime: "https://app.test/garden/rt/",
      threads: 4,
      size: 8,
      model: MODEL.buffer,
    });
    expect(engine.threads).toBe(1);
  });

  it("asks for no threads on a page that cannot have them", async () => {
    vi.stubGlobal("crossOriginIsolated", false);
    await open(4);
    expect(workers[0]!.opened.threads).toBe(1);
  });

  it("passes the worker's problem on and ends it", async () => {
    onOpen = (worker) => worker.reply({ type: "failed", code: "wasm-blocked", detail: "policy" });
    await expect(open()).rejects.toMatchObject({ code: "wasm-blocked", message: "policy" });
    expect(workers[0]!.terminated).toBe(true);
  });

  it("tells of a worker that does not start", async () => {
    onOpen = (worker) => worker.crash("");
    await expect(open()).rejects.toBeInstanceOf(Problem);
  });
});

describe("recognise", () => {
  it("sends the square that was asked for, by default the centred one", async () => {
    const engine = await open();
    void engine.recognise(photo(), { left: 10, top: 20, side: 100 });
    await settle();
    const [first] = workers[0]!.asked;
    expect(first!.image).toMatchObject({ crop: [10, 20, 100, 100] });
    expect(first!.square).toEqual({ left: 0, top: 0, side: 100 });
    workers[0]!.reply({ type: "recognised", id: first!.id, outputs: outputs(1) });
    void engine.recognise(photo(640, 480));
    await settle();
    expect(workers[0]!.asked[1]!.image).toMatchObject({ crop: [80, 0, 480, 480] });
  });

  it("asks one at a time, in order, and gives each its own answer", async () => {
    const engine = await open();
    const answers = [1, 2, 3].map(() => engine.recognise(photo()));
    for (const n of [1, 2, 3]) {
      await settle();
      const { asked } = workers[0]!;
      expect(asked.length).toBe(n);
      workers[0]!.reply({ type: "recognised", id: asked[n - 1]!.id, outputs: outputs(n) });
    }
    expect((await Promise.all(answers)).map(({ logits }) => logits[0])).toEqual([1, 2, 3]);
  });

  it("ignores an answer to a question that nobody asked", async () => {
    const engine = await open();
    const answer = engine.recognise(photo());
    await settle();
    const { id } = workers[0]!.asked[0]!;
    workers[0]!.reply({ type: "recognised", id: id + 7, outputs: outputs(666) });
    workers[0]!.reply({ type: "recognised", id, outputs: outputs(5) });
    expect((await answer).logits[0]).toBe(5);
  });

  it("goes on after a photo that failed", async () => {
    const engine = await open();
    const bad = engine.recognise(photo());
    const good = engine.recognise(photo());
    await settle();
    workers[0]!.reply({
      type: "failed",
      id: workers[0]!.asked[0]!.id,
      code: "internal",
      detail: "x",
    });
    await expect(bad).rejects.toMatchObject({ code: "internal" });
    await settle();
    workers[0]!.reply({ type: "recognised", id: workers[0]!.asked[1]!.id, outputs: outputs(2) });
    expect((await good).logits[0]).toBe(2);
    expect(workers.length).toBe(1);
  });

  it("bears two hundred fast taps", async () => {
    const engine = await open();
    const answers = Array.from({ length: 200 }, () => engine.recognise(photo()));
    for (let n = 0; n < 200; n++) {
      await settle();
      workers[0]!.reply({ type: "recognised", id: workers[0]!.asked[n]!.id, outputs: outputs(n) });
    }
    expect((await Promise.all(answers)).map(({ logits }) => logits[0])).toEqual([
      ...Array(200).keys(),
    ]);
  });
});

describe("look", () => {
  it("drops the frames that a newer one has overtaken, and no photo", async () => {
    const engine = await open();
    const first = engine.look(photo());
    const overtaken = [engine.look(photo()), engine.look(photo())];
    const still = engine.recognise(photo());
    const newest = engine.look(photo());
    await settle();
    expect(await Promise.all(overtaken)).toEqual([undefined, undefined]);
    for (let n = 0; n < 3; n++) {
      await settle();
      workers[0]!.reply({ type: "recognised", id: workers[0]!.asked[n]!.id, outputs: outputs(n) });
    }
    expect((await first)!.logits[0]).toBe(0);
    expect((await still).logits[0]).toBe(1);
    expect((await newest)!.logits[0]).toBe(2);
    expect(workers[0]!.asked.length).toBe(3);
  });
});

describe("a worker that dies", () => {
  it.each([
    ["crashes", (worker: FakeWorker) => worker.crash()],
    ["gives up", (w: FakeWorker) => w.reply({ type: "failed", code: "internal", detail: "trap" })],
    ["garbles its answer", (w: FakeWorker) => w.onmessageerror?.({} as MessageEvent)],
  ])("and %s refuses what waits; the next photo starts another", async (_, die) => {
    const engine = await open();
    const waiting = [engine.recognise(photo()), engine.recognise(photo()), engine.look(photo())];
    await settle();
    die(workers[0]!);
    for (const answer of waiting) await expect(answer).rejects.toBeInstanceOf(Problem);
    expect(workers[0]!.terminated).toBe(true);

    const next = engine.recognise(photo());
    await settle();
    expect(workers.length).toBe(2);
    expect(workers[1]!.opened.model.byteLength).toBe(MODEL.length);
    workers[1]!.reply({ type: "recognised", id: workers[1]!.asked[0]!.id, outputs: outputs(3) });
    expect((await next).logits[0]).toBe(3);
  });
});

it("tries again after a worker that could not be made", async () => {
  const creations = [
    createWorker,
    () => raise(new DOMException("x", "SecurityError")),
    createWorker,
  ];
  const engine = await Engine.open(bundle, 1, () => creations.shift()!());
  workers[0]!.crash();
  await expect(engine.recognise(photo())).rejects.toThrow("x");
  const next = engine.recognise(photo());
  await settle();
  workers[1]!.reply({ type: "recognised", id: workers[1]!.asked[0]!.id, outputs: outputs(3) });
  expect((await next).logits[0]).toBe(3);
});

describe("dispose", () => {
  it("ends the worker and refuses what waits and what comes", async () => {
    const engine = await open();
    const waiting = engine.recognise(photo());
    await settle();
    engine.dispose();
    await expect(waiting).rejects.toBeInstanceOf(Problem);
    await expect(engine.recognise(photo())).rejects.toBeInstanceOf(Problem);
    expect(workers.length).toBe(1);
    expect(workers[0]!.terminated).toBe(true);
  });
});

it("tells of an image that is closed already", async () => {
  const engine = await open();
  vi.stubGlobal("createImageBitmap", () =>
    Promise.reject(new DOMException("x", "InvalidStateError")),
  );
  await expect(engine.recognise(photo())).rejects.toMatchObject({ code: "internal" });
});
