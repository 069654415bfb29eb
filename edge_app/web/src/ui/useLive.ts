/** The loop behind the viewfinder: frame, answer, smoothed verdict, pause. */
import type { RefObject } from "preact";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { centreSquare } from "../core/resize";
import { Smoother } from "../core/smooth";
import { readingOf, verdictOf } from "../core/verdict";
import type { Square, Verdict } from "../types";
import type { Ready } from "./useRecogniser";
import type { Answer } from "./useSubject";

/** A frame with the answer that it got. */
export interface Kept {
  image: ImageBitmap;
  square: Square;
  answer: Answer;
}

/** Milliseconds from one frame to the next: under three verdicts a second, to spare the battery. */
const PERIOD = 400;
/** So many frames in a row that disagree with the smoothed verdict are no longer odd ones. */
const MOST_ODD = 2;
/** Milliseconds after a frame that could not be looked at. */
const REST = 5000;

/** `ready` is undefined while there is nothing to look at, or nothing to look with. */
export function useLive(
  ready: Ready | undefined,
  video: RefObject<HTMLVideoElement | null>,
  onProblem: (error: unknown) => void,
): { verdict: Verdict | undefined; keep: () => Kept | undefined } {
  const [verdict, setVerdict] = useState<Verdict>();
  // The frame that the verdict shown belongs to.
  const frame = useRef<Kept | undefined>(undefined);

  useEffect(() => {
    if (!ready) return;
    const { engine, bundle } = ready;
    const { artefact, manifest } = bundle;
    const smoother = new Smoother();
    let odd = MOST_ODD;
    let alive = true;

    async function look(element: HTMLVideoElement): Promise<void> {
      const image = await createImageBitmap(element);
      const square = centreSquare(image.width, image.height);
      const outputs = await engine.look(image, square);
      if (!alive || !outputs) return image.close();
      const reading = readingOf(outputs, artefact);
      const rejection = artefact.calibration?.rejection;
      const smooth = verdictOf(smoother.add(reading), manifest.labels, rejection);
      // A single odd frame does not sway the verdict, so it must not be the one that is kept.
      if (agree(smooth, verdictOf(reading, manifest.labels, rejection)) || ++odd > MOST_ODD) {
        frame.current?.image.close();
        frame.current = { image, square, answer: { engine, outputs } };
        odd = 0;
      } else {
        image.close();
      }
      setVerdict(smooth);
    }

    async function loop(): Promise<void> {
      while (alive) {
        const started = performance.now();
        await inSight();
        const element = video.current;
        if (alive && element && element.readyState >= element.HAVE_CURRENT_DATA) {
          await look(element).catch(setback);
        }
        await pause(PERIOD - (performance.now() - started));
      }
    }

    /** A frame that failed is told of; the next one may do. */
    async function setback(error: unknown): Promise<void> {
      if (!alive) return;
      onProblem(error);
      await pause(REST);
    }
    void loop();
    return () => {
      alive = false;
      frame.current?.image.close();
      frame.current = undefined;
      setVerdict(undefined);
    };
  }, [ready, video, onProblem]);

  /** Hands the frame over to the caller, who then owns it. */
  const keep = useCallback(() => {
    const kept = frame.current;
    frame.current = undefined;
    return kept;
  }, []);
  return { verdict, keep };
}

function agree(a: Verdict, b: Verdict): boolean {
  if (a.kind !== b.kind) return false;
  return a.kind === "unknown" || a.guesses[0]?.label === b.guesses[0]?.label;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));
}

/** Resolves while the page is in sight: a hidden tab takes no pictures. */
function inSight(): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) =>
    document.addEventListener("visibilitychange", () => resolve(), { once: true }),
  );
}
