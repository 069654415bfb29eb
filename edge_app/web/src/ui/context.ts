/** What every screen may use without being handed it. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Settings } from "../types";
import type { Message } from "./Toast";
import type { Recogniser } from "./useRecogniser";
import type { Subject } from "./useSubject";

export interface App {
  settings: Settings;
  change: (part: Partial<Settings>) => void;
  recogniser: Recogniser;
  /** Names of the bundles to choose from. */
  bundles: string[];
  /** Everything is kept on this device. */
  offline: boolean;
  /** Classes of the bundle in use; none before it has been read. */
  labels: string[];
  subject: Subject;
  say: (message: Message) => void;
  /** Shows what went wrong. */
  report: (error: unknown) => void;
}

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error("useApp outside of App");
  return app;
}
