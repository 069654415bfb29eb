/** An action that a person starts: it never runs twice at once, and its failure is shown. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { useApp } from "./context";

export function useAction<A extends unknown[]>(
  action: (...args: A) => Promise<void>,
): [run: (...args: A) => void, busy: boolean] {
  const { report } = useApp();
  const [busy, setBusy] = useState(false);
  // A ref as well: the second of two quick taps comes before the screen is drawn again.
  const running = useRef(false);
  const latest = useRef(action);
  latest.current = action;
  const mounted = useRef(true);
  useEffect(() => {
    mounted.current = true;
    return () => void (mounted.current = false);
  }, []);
  const run = useCallback(
    (...args: A) => {
      if (running.current) return;
      running.current = true;
      setBusy(true);
      latest
        .current(...args)
        .catch(report)
        .finally(() => {
          running.current = false;
          if (mounted.current) setBusy(false);
        });
    },
    [report],
  );
  return [run, busy];
}
