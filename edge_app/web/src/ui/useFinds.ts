/** Finds read from the store, read again on demand. */
import { useCallback, useEffect, useState } from "preact/hooks";
import type { Problem } from "../types";
import { asProblem } from "./problem";

export function useFinds<T>(read: () => Promise<T>): {
  finds: T | undefined;
  problem: Problem | undefined;
  reload: () => void;
} {
  const [finds, setFinds] = useState<T>();
  const [problem, setProblem] = useState<Problem>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    let current = true;
    read().then(
      (value) => {
        if (!current) return;
        setFinds(() => value);
        setProblem(undefined);
      },
      (error: unknown) => current && setProblem(asProblem(error)),
    );
    return () => void (current = false);
  }, [read, round]);
  const reload = useCallback(() => setRound((count) => count + 1), []);
  return { finds, problem, reload };
}
