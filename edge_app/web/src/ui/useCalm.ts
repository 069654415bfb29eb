/** A text for a screen reader that changes too fast to be listened to, slowed down. */
import { useEffect, useRef, useState } from "preact/hooks";

/** Least milliseconds between two announcements. */
const CALM = 3000;

/** The latest `text`, at most every `CALM` milliseconds; empty at first, so that a change is heard. */
export function useCalm(text: string): string {
  const [calm, setCalm] = useState("");
  const last = useRef(-Infinity);
  useEffect(() => {
    const wait = Math.max(0, last.current + CALM - performance.now());
    const timer = setTimeout(() => {
      last.current = performance.now();
      setCalm(text);
    }, wait);
    return () => clearTimeout(timer);
  }, [text]);
  return calm;
}
