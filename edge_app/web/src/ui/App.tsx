/** The whole app: what the screens share, the frame around them, and which one is shown. */
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { onUpdate } from "../offline";
import { saveSettings } from "../store/settings";
import type { Settings } from "../types";
import { speak, t } from "../i18n";
import { AppContext, type App as Shared } from "./context";
import { ErrorBoundary } from "./ErrorBoundary";
import { FindPage } from "./FindPage";
import { Header } from "./Header";
import { HistoryList } from "./HistoryList";
import { Identify } from "./Identify";
import { NavBar } from "./NavBar";
import { PhotoScreen } from "./PhotoScreen";
import { useRoute, type Route } from "./route";
import { SettingsScreen } from "./SettingsScreen";
import { SpeciesList } from "./SpeciesList";
import { SpeciesPage } from "./SpeciesPage";
import { Tips } from "./Tips";
import { Toast, type Message } from "./Toast";
import { useRecogniser } from "./useRecogniser";
import { asProblem } from "./problem";
import { useSubject } from "./useSubject";

/** Milliseconds a message stays, unless something can be done about it. */
const PATIENCE = 6000;

export function App({ initial }: { initial: Settings }) {
  const route = useRoute();
  const [settings, setSettings] = useState(initial);
  const [message, say] = useState<Message>();
  const [updated, setUpdated] = useState(false);
  const { recogniser, bundles, offline } = useRecogniser(settings);
  const subject = useSubject(recogniser);

  const report = useCallback((error: unknown) => {
    const { code } = asProblem(error);
    const text = `${t(`problem.${code}.title`)}. ${t(`problem.${code}.help`)}`;
    say({ text, urgent: true });
  }, []);
  const change = useCallback(
    (part: Partial<Settings>) => {
      const apply = () =>
        setSettings((before) => {
          const after = { ...before, ...part };
          saveSettings(after);
          return after;
        });
      // The words first, so that no screen shows half of each language.
      if (part.language) speak(part.language).then(apply, report);
      else apply();
    },
    [report],
  );

  useEffect(() => {
    const { theme } = settings;
    if (theme === "auto") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
  }, [settings.theme]);
  useEffect(() => {
    if (!message || message.action) return;
    const timer = setTimeout(() => say(undefined), PATIENCE);
    return () => clearTimeout(timer);
  }, [message]);
  // Good news of one screen is none on the next; what can be undone or went wrong stays.
  useEffect(
    () => say((now) => (now?.action || now?.urgent ? now : undefined)),
    [route.screen, route.item],
  );
  useEffect(() => onUpdate(() => setUpdated(true)), []);
  useStrayErrors(report);

  const labels = recogniser.phase === "ready" ? recogniser.bundle.manifest.labels : NONE;
  const shared = useMemo<Shared>(
    () => ({ settings, change, recogniser, bundles, offline, labels, subject, say, report }),
    [settings, change, recogniser, bundles, offline, labels, subject, say, report],
  );
  return (
    <AppContext.Provider value={shared}>
      <button type="button" class="button primary skip" onClick={skip}>
        {t("app.skip")}
      </button>
      <Header />
      <NavBar route={route} />
      <ErrorBoundary key={`${route.screen} ${route.item ?? ""}`}>
        <Shown route={route} />
      </ErrorBoundary>
      <Toast
        message={message ?? (updated ? newVersion() : undefined)}
        onClose={() => (message ? say(undefined) : setUpdated(false))}
      />
      {!settings.tipsSeen && <Tips onDone={() => change({ tipsSeen: true })} />}
    </AppContext.Provider>
  );
}

const NONE: string[] = [];

function Shown({ route: { screen, item } }: { route: Route }) {
  if (screen === "photo") return <PhotoScreen />;
  if (screen === "species") return item ? <SpeciesPage label={item} /> : <SpeciesList />;
  if (screen === "history") return item ? <FindPage id={item} /> : <HistoryList />;
  if (screen === "settings") return <SettingsScreen />;
  return <Identify />;
}

function newVersion(): Message {
  const action = { words: t("update.reload"), run: () => location.reload() };
  return { text: t("update.available"), action };
}

/** A link to `#main` would be taken for an address of the app. */
function skip() {
  document.querySelector<HTMLElement>("#main h1")?.focus();
}

/** Errors that no screen has caught are shown rather than lost. */
function useStrayErrors(report: (error: unknown) => void) {
  useEffect(() => {
    const onError = (event: ErrorEvent) => report(event.error);
    const onRejection = (event: PromiseRejectionEvent) => report(event.reason);
    addEventListener("error", onError);
    addEventListener("unhandledrejection", onRejection);
    return () => {
      removeEventListener("error", onError);
      removeEventListener("unhandledrejection", onRejection);
    };
  }, [report]);
}
