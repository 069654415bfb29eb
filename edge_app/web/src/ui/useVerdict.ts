/** The verdict over all photos of the plant; none until every photo has its answer. */
import { useMemo } from "preact/hooks";
import { readingOf, verdictOf } from "../core/verdict";
import type { Outputs, Verdict } from "../types";
import type { Recogniser } from "./useRecogniser";
import type { Subject } from "./useSubject";

export function useVerdict({ photos }: Subject, recogniser: Recogniser): Verdict | undefined {
  return useMemo(() => {
    if (recogniser.phase !== "ready" || photos.length === 0) return undefined;
    const { artefact, manifest } = recogniser.bundle;
    const outputs = photos
      .map(({ answer }) => answer?.outputs)
      .filter((one): one is Outputs => one !== undefined);
    if (outputs.length < photos.length) return undefined;
    const readings = outputs.map((one) => readingOf(one, artefact));
    return verdictOf(readings, manifest.labels, artefact.calibration?.rejection);
  }, [photos, recogniser]);
}
