/** What can be done with a verdict: keep it, share it, contradict it, read on. */
import { saveObservation } from "../store/observations";
import type { Observation, Verdict } from "../types";
import { nameOf, t } from "../i18n";
import { useApp } from "./context";
import { Icon } from "./Icon";
import { jpegOf } from "./picture";
import { addressOf } from "./route";
import { shareVerdict } from "./share";
import { useAction } from "./useAction";

interface Props {
  verdict: Verdict;
  /** The person wants to say what the plant really is. */
  onCorrect: () => void;
}

export function VerdictActions({ verdict, onCorrect }: Props) {
  const { subject, recogniser, say } = useApp();
  const { correction, saved } = subject;
  const label = verdict.kind === "unknown" ? undefined : verdict.guesses[0]?.label;

  const [save, saving] = useAction(async () => {
    if (recogniser.phase !== "ready" || saved) return;
    const { manifest, artefact } = recogniser.bundle;
    const { photos } = subject;
    const observation: Observation = {
      id: crypto.randomUUID(),
      date: new Date().toISOString(),
      photos: await Promise.all(photos.map(({ image, square }) => jpegOf(image, square))),
      verdict,
      bundle: { name: manifest.name, version: manifest.version, artefact: artefact.file },
      ...(correction ? { correction } : {}),
    };
    await saveObservation(observation);
    subject.markSaved(observation, photos);
    say({ text: t("verdict.saved") });
  });
  const [share, sharing] = useAction(async () => {
    const { shown } = subject;
    if (!shown) return;
    const words = await shareVerdict(verdict, await jpegOf(shown.image, shown.square));
    if (words) say({ text: words });
  });

  return (
    <div class="stack">
      {correction && (
        <p>
          <strong>{t("correction.said", { name: nameOf(correction) })}</strong>
        </p>
      )}
      <div class="actions">
        {saved ? (
          <a class="button primary" href={addressOf({ screen: "history", item: saved.id })}>
            <Icon name="check" />
            {t("verdict.saved")} · {t("verdict.open")}
          </a>
        ) : (
          <button type="button" class="button primary" disabled={saving} onClick={save}>
            <Icon name="save" />
            {t("verdict.save")}
          </button>
        )}
        <button type="button" class="button" disabled={sharing} onClick={share}>
          <Icon name="share" />
          {t("share.action")}
        </button>
        <button type="button" class="button" onClick={onCorrect}>
          <Icon name="pencil" />
          {t("correction.open")}
        </button>
        {label && (
          <a class="button" href={addressOf({ screen: "species", item: label })}>
            <Icon name="flower" />
            {t("verdict.about", { name: nameOf(label) })}
          </a>
        )}
      </div>
    </div>
  );
}
