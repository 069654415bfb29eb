/** The running verdict under the viewfinder; a screen reader hears only its changes, calmly. */
import type { Verdict } from "../types";
import { nameOf, percent, speciesOf, t } from "../i18n";
import { confidenceWords } from "./confidence";
import { useCalm } from "./useCalm";

interface Props {
  verdict: Verdict | undefined;
  /** The model isn't there yet. */
  waiting: boolean;
}

export function LiveVerdict({ verdict, waiting }: Props) {
  const best = verdict?.guesses[0];
  const spoken = useCalm(verdict ? titleOf(verdict) : "");
  return (
    <div class="live-verdict">
      {verdict && best ? (
        <>
          <p class="live-name">{titleOf(verdict)}</p>
          {verdict.kind !== "unknown" && (
            <p class="small-print">
              {verdict.kind === "unsure" ? (
                `${nameOf(best.label)}?`
              ) : (
                <i lang="la">{speciesOf(best.label)?.latin}</i>
              )}{" "}
              · {confidenceWords(best, verdict)} · {percent(best.confidence)}
            </p>
          )}
        </>
      ) : (
        <>
          <p class="live-name">{t(waiting ? "status.preparing" : "identify.looking")}</p>
          <p class="small-print">{t("identify.hint")}</p>
        </>
      )}
      <p class="unseen" aria-live="polite">
        {spoken}
      </p>
    </div>
  );
}

function titleOf(verdict: Verdict): string {
  if (verdict.kind === "unknown") return t("verdict.unknown");
  if (verdict.kind === "unsure") return t("verdict.unsure");
  return nameOf(verdict.guesses[0]?.label ?? "");
}
