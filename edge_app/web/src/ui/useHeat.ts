/** The heat map of one flower over the photo shown, where the model gives one. */
import { useMemo } from "preact/hooks";
import { heatmap } from "../core/heatmap";
import type { Photo } from "./useSubject";

export function useHeat(
  photo: Photo | undefined,
  label: string | undefined,
  labels: string[],
): ImageData | undefined {
  const map = photo?.answer?.outputs?.activationMap;
  return useMemo(() => {
    if (!map || label === undefined) return undefined;
    const { data, width, height } = heatmap(map, labels.indexOf(label));
    return new ImageData(data, width, height);
  }, [map, label, labels]);
}
