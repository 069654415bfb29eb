/** What the model makes of all photos of the plant together, and what can be done with it. */
import type { Verdict } from "../types";
import { nameOf, percent, speciesOf, t } from "../i18n";
import { confidenceWords } from "./confidence";
import { useApp } from "./context";
import { Guesses } from "./Guesses";
import { Icon } from "./Icon";
import { ProblemNote } from "./ProblemNote";
import { useCalm } from "./useCalm";
import { VerdictActions } from "./VerdictActions";

interface Props {
  verdict: Verdict | undefined;
  /** Whether the guesses are shown although the plant seems to be none of them. */
  curious: boolean;
  onCurious: (curious: boolean) => void;
  onCorrect: () => void;
}

export function VerdictCard({ verdict, curious, onCurious, onCorrect }: Props) {
  const { subject, recogniser } = useApp();
  const announced = useCalm(verdict ? spoken(verdict) : "");
  const problem = subject.shown?.answer?.problem;
  if (recogniser.phase === "failed" && !verdict) {
    return <ProblemNote problem={recogniser.problem} onRetry={recogniser.retry} />;
  }
  if (problem) return <ProblemNote problem={problem} onRetry={subject.retry} />;
  return (
    <section class={`card verdict ${verdict?.kind ?? ""}`} aria-busy={!verdict}>
      <p class="unseen" aria-live="polite" data-testid="spoken">
        {announced}
      </p>
      {verdict ? <Head verdict={verdict} /> : <Working />}
      {verdict?.kind === "unknown" && (
        <button
          type="button"
          class="button"
          aria-expanded={curious}
          onClick={() => onCurious(!curious)}
        >
          {t(curious ? "verdict.hideGuesses" : "verdict.showGuesses")}
        </button>
      )}
      {verdict && (verdict.kind !== "unknown" || curious) && <Guesses verdict={verdict} />}
      {verdict && <VerdictActions verdict={verdict} onCorrect={onCorrect} />}
      <p class="small-print">{t("verdict.safety")}</p>
    </section>
  );
}

function Working() {
  const { recogniser } = useApp();
  return (
    <div class="verdict-head">
      <h2>{t(recogniser.phase === "ready" ? "verdict.working" : "status.preparing")}</h2>
    </div>
  );
}

function Head({ verdict }: { verdict: Verdict }) {
  const { labels } = useApp();
  const best = verdict.guesses[0]?.label ?? "";
  return (
    <div class="verdict-head">
      {verdict.kind === "sure" && (
        <>
          <p class="eyebrow">
            <Icon name="check" />
            {t("verdict.sure")}
          </p>
          <h2>{nameOf(best)}</h2>
          <p class="latin" lang="la">
            {speciesOf(best)?.latin}
          </p>
        </>
      )}
      {verdict.kind === "unsure" && (
        <>
          <h2>{t("verdict.unsure")}</h2>
          <p>{t("verdict.unsureHint")}</p>
        </>
      )}
      {verdict.kind === "unknown" && (
        <>
          <h2>{t("verdict.unknown")}</h2>
          <p>{t("verdict.unknownHint", { n: labels.length })}</p>
        </>
      )}
      {verdict.photos > 1 && (
        <p class="small-print">{t("verdict.photos", { n: verdict.photos })}</p>
      )}
    </div>
  );
}

function spoken(verdict: Verdict): string {
  if (verdict.kind === "unknown") return t("verdict.unknown");
  const [best] = verdict.guesses;
  if (!best) return "";
  const words = {
    name: nameOf(best.label),
    words: confidenceWords(best, verdict),
    percent: percent(best.confidence),
  };
  const sentence = t("verdict.spoken", words);
  return verdict.kind === "unsure" ? `${t("verdict.unsure")}. ${sentence}` : sentence;
}
