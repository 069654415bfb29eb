/** Language, look, model and storage. */
import type { ComponentChildren } from "preact";
import type { Language, Settings } from "../types";
import { LANGUAGES, t } from "../i18n";
import { useApp } from "./context";
import { Choices } from "./Choices";
import { ModelInfo } from "./ModelInfo";
import { Screen } from "./Screen";
import { StorageInfo } from "./StorageInfo";

const THEMES = ["auto", "light", "dark"] as const;
const THREADS = [1, 2, 4] as const;

export function SettingsScreen() {
  const { settings, change, bundles } = useApp();
  const languages = Object.keys(LANGUAGES) as Language[];
  return (
    <Screen title={t("settings.title")} class="settings">
      <div class="field">
        <label for="language">{t("settings.language")}</label>
        <select
          id="language"
          value={settings.language}
          onChange={(event) => change({ language: event.currentTarget.value as Language })}
        >
          {languages.map((one) => (
            <option key={one} value={one} lang={one}>
              {LANGUAGES[one]}
            </option>
          ))}
        </select>
      </div>
      <Choices
        title={t("settings.theme")}
        name="theme"
        options={THEMES.map((value) => ({ value, words: t(`settings.theme.${value}`) }))}
        value={settings.theme}
        onChange={(theme) => change({ theme })}
      />
      {bundles.length > 1 && (
        <Choices
          title={t("settings.bundle")}
          name="bundle"
          options={bundles.map((value) => ({ value, words: value }))}
          value={bundles.includes(settings.bundle) ? settings.bundle : (bundles[0] ?? "")}
          onChange={(bundle) => change({ bundle })}
        />
      )}
      <Threads settings={settings} change={change} />
      <ModelInfo />
      <StorageInfo />
      <Section title={t("settings.privacy")}>
        <p>{t("settings.privacyText")}</p>
      </Section>
      <Section title={t("settings.about")}>
        <p>
          {t("app.name")} {APP_VERSION}
        </p>
        <p>{t("settings.aboutText")}</p>
        <button type="button" class="button" onClick={() => change({ tipsSeen: false })}>
          {t("settings.tips")}
        </button>
      </Section>
      <Section title={t("settings.licenses")}>
        <p>{t("settings.licensesText")}</p>
      </Section>
    </Screen>
  );
}

function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="stack">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

interface ThreadsProps {
  settings: Settings;
  change: (part: Partial<Settings>) => void;
}

function Threads({ settings, change }: ThreadsProps) {
  const { recogniser } = useApp();
  const used = recogniser.phase === "ready" ? recogniser.engine.threads : undefined;
  return (
    <div class="stack">
      <Choices
        title={t("settings.threads")}
        name="threads"
        options={THREADS.map((value) => ({ value, words: String(value) }))}
        value={crossOriginIsolated ? settings.threads : 1}
        disabled={!crossOriginIsolated}
        onChange={(threads) => change({ threads })}
      />
      <p class="small-print">
        {t(crossOriginIsolated ? "settings.threadsHint" : "settings.threadsUnavailable")}{" "}
        {used !== undefined && t("settings.threadsUsed", { n: used })}
      </p>
    </div>
  );
}
