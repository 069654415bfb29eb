/** Steadies the readings of a live camera, whose single frames jitter. */
import type { Reading } from "../types";

/** Weight of the new frame. */
const NEW = 0.5;

/** A frame that names another flower this surely is a new scene, not jitter. */
const CONFIDENT = 0.6;

export class Smoother {
  #last: Reading | undefined;

  /** The exponential mean up to this frame; it starts anew when the scene has changed. */
  add(reading: Reading): Reading {
    const last = this.#last;
    this.#last = last && !isNewScene(last, reading) ? blend(last, reading) : reading;
    return this.#last;
  }
}

function isNewScene(last: Reading, reading: Reading): boolean {
  const best = argmax(reading.probabilities);
  const confidence = (reading.probabilities[best] ?? 0) * reading.known;
  return confidence >= CONFIDENT && best !== argmax(last.probabilities);
}

function blend(last: Reading, reading: Reading): Reading {
  const mix = (old: number, now: number) => old + NEW * (now - old);
  return {
    probabilities: reading.probabilities.map((p, k) => mix(last.probabilities[k] ?? p, p)),
    known: mix(last.known, reading.known),
  };
}

function argmax(values: Float32Array): number {
  return values.indexOf(Math.max(...values));
}
