/** Which model answers, how good it is, and on how many photos that was measured. */
import type { LoadedBundle } from "../types";
import { date, number, percent, t } from "../i18n";
import { useApp } from "./context";
import { Pairs, type Pair } from "./Pairs";
import { ProblemNote } from "./ProblemNote";

export function ModelInfo() {
  const { recogniser } = useApp();
  return (
    <section class="stack">
      <h2>{t("settings.model")}</h2>
      {recogniser.phase === "failed" && (
        <ProblemNote problem={recogniser.problem} onRetry={recogniser.retry} />
      )}
      {recogniser.phase === "preparing" && <p>{t("status.preparing")}</p>}
      {recogniser.phase === "ready" && <Pairs class="card" pairs={pairsOf(recogniser.bundle)} />}
    </section>
  );
}

function pairsOf({ manifest, artefact }: LoadedBundle): Pair[] {
  const { quality } = artefact;
  const measured: Pair[] = quality
    ? [
        [
          t("settings.model.accuracy"),
          t("settings.model.accuracyValue", { percent: percent(quality.top1, 1), n: quality.n }),
        ],
        [
          t("settings.model.calibration"),
          t("settings.model.calibrationValue", { percent: percent(quality.ece, 1) }),
        ],
      ]
    : [];
  return [
    [t("settings.model.name"), manifest.name],
    [t("settings.model.version"), manifest.version],
    [t("settings.model.flowers"), number(manifest.labels.length)],
    ...measured,
    [t("settings.model.license"), manifest.license],
    [t("settings.model.created"), date(manifest.created)],
    [
      t("settings.model.size"),
      t("settings.model.sizeValue", { megabytes: number(artefact.bytes / 1e6, 1) }),
    ],
  ];
}
