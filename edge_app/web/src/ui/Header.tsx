/** Name of the app, and whether it is ready. */
import { percent, t } from "../i18n";
import { useApp } from "./context";
import type { Recogniser } from "./useRecogniser";

export function Header() {
  const { recogniser, offline } = useApp();
  const words = wordsOf(recogniser, offline);
  const progress = recogniser.phase === "preparing" ? recogniser.progress : undefined;
  return (
    <header class="header">
      <img src="./icons/icon.svg" alt="" />
      <span class="brand">{t("app.name")}</span>
      <span class={`status ${recogniser.phase}`} aria-hidden="true">
        {progress === undefined ? words : t("status.downloading", { percent: percent(progress) })}
      </span>
      {/* Read aloud without the running percentages. */}
      <span class="unseen" role="status">
        {words}
      </span>
    </header>
  );
}

function wordsOf(recogniser: Recogniser, offline: boolean): string {
  if (recogniser.phase === "failed") return t("status.failed");
  if (recogniser.phase === "preparing") return t("status.preparing");
  return t(offline ? "status.readyOffline" : "status.ready");
}
