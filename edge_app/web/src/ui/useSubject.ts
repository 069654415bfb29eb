/** The plant being identified: its photos, and what the model makes of each. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { centreSquare } from "../core/resize";
import type { Engine } from "../engine/engine";
import { openPhoto } from "../engine/photo";
import type { Observation, Outputs, Problem, Square } from "../types";
import { asProblem } from "./problem";
import type { Recogniser } from "./useRecogniser";

/** What the model said, and which engine said it. */
export interface Answer {
  engine: Engine;
  outputs?: Outputs;
  problem?: Problem;
}

export interface Photo {
  id: number;
  image: ImageBitmap;
  square: Square;
  /** Belongs to `square`: a new square has no answer until its own comes. */
  answer?: Answer;
}

interface Plant {
  photos: Photo[];
  shownId: number;
  /** What the person says it is; "" for nothing. */
  correction: string;
  /** The find that these very photos were kept as. */
  saved?: Observation;
}

export interface Subject extends Pick<Plant, "photos" | "correction" | "saved"> {
  shown: Photo | undefined;
  /** Adds what can be read, as a new plant or to this one; hands back the problems of the rest. */
  addFiles: (files: File[], fresh: boolean) => Promise<unknown[]>;
  /** A new plant, known by a frame whose answer is there already. */
  startWith: (image: ImageBitmap, square: Square, answer: Answer) => void;
  show: (id: number) => void;
  crop: (id: number, square: Square) => void;
  remove: (id: number) => void;
  /** Asks again where there was a problem. */
  retry: () => void;
  correct: (correction: string) => void;
  /** `photos`: those that were kept, in case they have changed since. */
  markSaved: (saved: Observation, photos: Photo[]) => void;
}

/** Full-size photos are large: so many fit into a small phone's memory. */
export const MOST_PHOTOS = 5;
const NOTHING: Plant = { photos: [], shownId: 0, correction: "" };

export function useSubject(recogniser: Recogniser): Subject {
  const [plant, setPlant] = useState(NOTHING);
  const engine = recogniser.phase === "ready" ? recogniser.engine : undefined;
  // A square object is asked about once per engine; it also ties the answer to its question.
  const asked = useRef(new WeakMap<Square, Engine>());
  const count = useRef(0);

  useEffect(() => {
    if (!engine) return;
    for (const { image, square } of plant.photos) {
      if (asked.current.get(square) === engine) continue;
      asked.current.set(square, engine);
      const answered = (answer: Answer) =>
        setPlant((now) => ({
          ...now,
          photos: now.photos.map((one) => (one.square === square ? { ...one, answer } : one)),
        }));
      engine.recognise(image, square).then(
        (outputs) => answered({ engine, outputs }),
        (error: unknown) => answered({ engine, problem: asProblem(error) }),
      );
    }
  }, [engine, plant.photos]);

  const actions = useMemo(() => {
    /** Other photos are another find: what was kept before stays as it is. */
    const change = (edit: (photos: Photo[]) => Photo[]) =>
      setPlant(({ saved: _before, ...now }) => ({ ...now, photos: edit(now.photos) }));
    const numbered = (photo: Omit<Photo, "id">) => ({ ...photo, id: ++count.current });
    const start = (photos: Photo[]) =>
      setPlant({ ...NOTHING, photos, shownId: photos[0]?.id ?? 0 });
    const append = (photos: Photo[]) => {
      change((all) => [...all, ...photos].slice(0, MOST_PHOTOS));
      setPlant((now) => ({ ...now, shownId: photos[0]?.id ?? now.shownId }));
    };
    return {
      async addFiles(files: File[], fresh: boolean) {
        const photos: Photo[] = [];
        const problems: unknown[] = [];
        for (const file of files.slice(0, MOST_PHOTOS)) {
          try {
            const image = await openPhoto(file);
            photos.push(numbered({ image, square: centreSquare(image.width, image.height) }));
          } catch (error) {
            problems.push(error);
          }
        }
        if (photos.length > 0) (fresh ? start : append)(photos);
        return problems;
      },
      startWith(image: ImageBitmap, square: Square, answer: Answer) {
        asked.current.set(square, answer.engine);
        start([numbered({ image, square, answer })]);
      },
      show: (shownId: number) => setPlant((now) => ({ ...now, shownId })),
      crop: (id: number, square: Square) =>
        change((all) => all.map((one) => (one.id === id ? { ...unanswered(one), square } : one))),
      remove: (id: number) => change((all) => all.filter((one) => one.id !== id)),
      retry: () =>
        change((all) =>
          all.map((one) =>
            // A new square object is a new question.
            one.answer?.problem ? { ...unanswered(one), square: { ...one.square } } : one,
          ),
        ),
      correct: (correction: string) => setPlant((now) => ({ ...now, correction })),
      markSaved: (saved: Observation, photos: Photo[]) =>
        setPlant((now) => (sameCrops(now.photos, photos) ? { ...now, saved } : now)),
    };
  }, []);

  return useMemo(() => {
    // An answer of another bundle or engine is none.
    const photos = plant.photos.map((one) =>
      one.answer && one.answer.engine !== engine ? unanswered(one) : one,
    );
    const shown = photos.find(({ id }) => id === plant.shownId) ?? photos[0];
    return { ...plant, photos, shown, ...actions };
  }, [plant, engine, actions]);
}

function unanswered({ answer: _before, ...photo }: Photo): Photo {
  return photo;
}

function sameCrops(a: Photo[], b: Photo[]): boolean {
  return a.length === b.length && a.every(({ square }, index) => square === b[index]?.square);
}
