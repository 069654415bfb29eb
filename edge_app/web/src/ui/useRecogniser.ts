/** From nothing to a model that answers: bundle, runtime, and whether both outlast the network. */
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { listBundles, loadBundle } from "../engine/bundles";
import { Engine } from "../engine/engine";
import { isReadyOffline, takeControl } from "../offline";
import type { LoadedBundle, Problem, Settings } from "../types";
import { asProblem } from "./problem";

export interface Ready {
  phase: "ready";
  bundle: LoadedBundle;
  engine: Engine;
}

export type Recogniser =
  | { phase: "preparing"; progress?: number }
  | Ready
  | { phase: "failed"; problem: Problem; retry: () => void };

interface Result {
  recogniser: Recogniser;
  bundles: string[];
  /** The runtime, the model and the pages are all kept on this device. */
  offline: boolean;
}

const PREPARING: Recogniser = { phase: "preparing" };
/** Each check waits some seconds for the files to reach the cache; a slow phone needs more. */
const CHECKS = 10;

export function useRecogniser({ bundle: wanted, threads }: Settings): Result {
  const [recogniser, setRecogniser] = useState(PREPARING);
  const [bundles, setBundles] = useState<string[]>([]);
  const [offline, setOffline] = useState(false);
  const [attempt, setAttempt] = useState(0);
  const retry = useCallback(() => setAttempt((count) => count + 1), []);

  useEffect(() => {
    let current = true;
    let engine: Engine | undefined;
    setRecogniser(PREPARING);
    setOffline(false);

    async function prepare(): Promise<void> {
      await takeControl(); // what is fetched before would not be kept
      const names = await listBundles();
      if (!current) return;
      setBundles(names);
      const name = names.includes(wanted) ? wanted : names[0]!;
      const bundle = await loadBundle(name, (share) => {
        if (current) setRecogniser({ phase: "preparing", progress: share });
      });
      if (!current) return;
      const opened = await Engine.open(bundle, threads);
      if (!current) return opened.dispose();
      engine = opened;
      setRecogniser({ phase: "ready", bundle, engine });
    }
    prepare().catch((error: unknown) => {
      if (current) setRecogniser({ phase: "failed", problem: asProblem(error), retry });
    });
    return () => {
      current = false;
      engine?.dispose();
    };
  }, [wanted, threads, attempt, retry]);

  useEffect(() => {
    if (recogniser.phase !== "ready") return;
    const { bundle, engine } = recogniser;
    let current = true;
    async function check(): Promise<void> {
      let kept = false;
      for (let i = 0; i < CHECKS && current && !kept; i++) {
        kept = await isReadyOffline(bundle, engine.threads);
      }
      if (current) setOffline(kept);
    }
    check().catch(() => current && setOffline(false));
    return () => void (current = false);
  }, [recogniser]);

  useEffect(() => {
    if (recogniser.phase !== "failed") return;
    addEventListener("online", retry);
    return () => removeEventListener("online", retry);
  }, [recogniser, retry]);

  return useMemo(() => ({ recogniser, bundles, offline }), [recogniser, bundles, offline]);
}
