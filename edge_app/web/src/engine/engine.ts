/**
 * The page's side of the worker that runs a model.
 *
 * One photo is looked at a time. Every question has its number, and an answer reaches only the one
 * who asked. A worker that dies takes nothing along: the next question starts another.
 */
import { centreSquare } from "../core/resize";
import { Problem, type LoadedBundle, type Outputs, type Square } from "../types";
import type { Recognise, Reply, Request } from "./protocol";

/** The part of `Worker` that is used here. */
export interface WorkerLike {
  onmessage: ((event: MessageEvent<Reply>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  onmessageerror: ((event: MessageEvent) => void) | null;
  postMessage(request: Request, transfer: Transferable[]): void;
  terminate(): void;
}

interface Pending {
  request: Recognise;
  live: boolean;
  resolve(outputs: Outputs | undefined): void;
  reject(error: unknown): void;
}

function newWorker(): WorkerLike {
  return new Worker(new URL("./worker.ts", import.meta.url));
}

export class Engine {
  /** Threads in use, which may be fewer than were asked for. */
  threads = 1;

  #worker: WorkerLike | undefined;
  #opening: Promise<void> | undefined;
  #failOpening: ((problem: Problem) => void) | undefined;
  #asked: Pending | undefined;
  #queue: Pending[] = [];
  #lastId = 0;
  #disposed = false;

  private constructor(
    private readonly bundle: LoadedBundle,
    private readonly wantedThreads: number,
    private readonly createWorker: () => WorkerLike,
  ) {}

  /**
   * Opens a bundle's model.
   *
   * @throws Problem "wasm-blocked", "model-unusable", "network" or "internal"
   */
  static async open(
    bundle: LoadedBundle,
    threads: number,
    createWorker: () => WorkerLike = newWorker,
  ): Promise<Engine> {
    const available = globalThis.crossOriginIsolated ? threads : 1;
    const engine = new Engine(bundle, available, createWorker);
    try {
      await engine.#opened();
    } catch (error) {
      engine.dispose();
      throw error;
    }
    return engine;
  }

  /**
   * What the model makes of a square of an image (by default the largest centred one). The image
   * stays the caller's.
   */
  async recognise(image: ImageBitmap, square?: Square): Promise<Outputs> {
    const outputs = await this.#ask(image, square, false);
    return outputs!; // only live frames are dropped
  }

  /** The same for a frame of a camera: undefined if a newer one overtook it in the queue. */
  look(frame: ImageBitmap, square?: Square): Promise<Outputs | undefined> {
    return this.#ask(frame, square, true);
  }

  /** Ends the worker. Questions that wait are refused. */
  dispose(): void {
    this.#disposed = true;
    this.#fail(new Problem("internal", "the engine was closed"));
  }

  async #ask(
    image: ImageBitmap,
    square = centreSquare(image.width, image.height),
    live: boolean,
  ): Promise<Outputs | undefined> {
    const { left, top, side } = square;
    // A copy of the square alone, which can be handed over to the worker.
    const copy = await createImageBitmap(image, left, top, side, side).catch((error: unknown) => {
      throw new Problem("internal", `the image cannot be read: ${String(error)}`);
    });
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      const request: Recognise = {
        type: "recognise",
        id,
        image: copy,
        square: { left: 0, top: 0, side },
      };
      if (live) this.#dropLive();
      this.#queue.push({ request, live, resolve, reject });
      void this.#next();
    });
  }

  #dropLive(): void {
    for (const pending of this.#queue.filter(({ live }) => live)) {
      pending.request.image.close();
      pending.resolve(undefined);
    }
    this.#queue = this.#queue.filter(({ live }) => !live);
  }

  async #next(): Promise<void> {
    if (this.#asked) return;
    const pending = this.#queue.shift();
    if (!pending) return;
    this.#asked = pending;
    try {
      await this.#opened();
    } catch (error) {
      pending.request.image.close();
      pending.reject(error);
      if (this.#asked === pending) this.#asked = undefined;
      this.#opening = undefined; // a worker that was not even made must not be waited for again
      void this.#next();
      return;
    }
    if (this.#asked !== pending) return; // it failed with the worker meanwhile
    this.#worker?.postMessage(pending.request, [pending.request.image]);
  }

  /** Resolves when the model is open; starts a worker where there is none. */
  #opened(): Promise<void> {
    if (this.#disposed) return Promise.reject(new Problem("internal", "the engine was closed"));
    this.#opening ??= new Promise((resolve, reject) => {
      const { manifest, model } = this.bundle;
      const worker = this.createWorker();
      this.#worker = worker;
      this.#failOpening = reject;
      worker.onmessage = ({ data }) => this.#receive(data, resolve);
      worker.onerror = (event) => {
        event.preventDefault?.();
        this.#fail(new Problem("internal", event.message || "the worker does not start"));
      };
      worker.onmessageerror = () => this.#fail(new Problem("internal", "an answer was garbled"));
      const request: Request = {
        type: "open",
        runtime: new URL("rt/", document.baseURI).href,
        model,
        threads: this.wantedThreads,
        size: manifest.preprocess.size,
        outputs: manifest.outputs,
      };
      worker.postMessage(request, []); // copied: another worker may need it
    });
    return this.#opening;
  }

  #receive(reply: Reply, opened: () => void): void {
    if (reply.type === "opened") {
      this.threads = reply.threads;
      opened();
      return;
    }
    if (reply.type === "failed" && reply.id === undefined) {
      this.#fail(new Problem(reply.code, reply.detail));
      return;
    }
    const pending = this.#asked;
    if (!pending || pending.request.id !== reply.id) return;
    this.#asked = undefined;
    if (reply.type === "recognised") pending.resolve(reply.outputs);
    else pending.reject(new Problem(reply.code, reply.detail));
    void this.#next();
  }

  /** Ends the worker, and with it all that waits for it. */
  #fail(problem: Problem): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#opening = undefined;
    this.#failOpening?.(problem);
    const waiting = [...(this.#asked ? [this.#asked] : []), ...this.#queue];
    this.#asked = undefined;
    this.#queue = [];
    for (const pending of waiting) {
      pending.request.image.close();
      pending.reject(problem);
    }
  }
}
