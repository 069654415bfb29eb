/** One find: photos, verdict, correction, date, place and notes. */
import { useCallback, useState } from "preact/hooks";
import {
  changeObservation,
  getObservation,
  removeObservation,
  saveObservation,
} from "../store/observations";
import type { Observation } from "../types";
import { date, nameOf, t } from "../i18n";
import { useApp } from "./context";
import { Correction } from "./Correction";
import { corrected, titleOf } from "./find";
import { FindNotes } from "./FindNotes";
import { FindPlace } from "./FindPlace";
import { Guesses } from "./Guesses";
import { Icon } from "./Icon";
import { ProblemNote } from "./ProblemNote";
import { navigate } from "./route";
import { Screen } from "./Screen";
import { shareVerdict } from "./share";
import { useAction } from "./useAction";
import { useFinds } from "./useFinds";
import { useObjectUrl } from "./useObjectUrl";

export function FindPage({ id }: { id: string }) {
  const read = useCallback(async () => (await getObservation(id)) ?? null, [id]);
  const { finds: find, problem, reload } = useFinds(read);
  return (
    <Screen
      title={find ? titleOf(find) : t("history.detail")}
      back={{ screen: "history" }}
      {...(find ? { subtitle: date(find.date, "short") } : {})}
    >
      {problem && <ProblemNote problem={problem} onRetry={reload} />}
      {find === null && <p>{t("history.missing")}</p>}
      {find && <Find find={find} onChange={reload} />}
    </Screen>
  );
}

function Find({ find, onChange }: { find: Observation; onChange: () => void }) {
  const { report, say } = useApp();
  const [correcting, setCorrecting] = useState(false);

  const edit = useCallback(
    async (change: (find: Observation) => Observation) => {
      await changeObservation(find.id, change);
      onChange();
    },
    [find.id, onChange],
  );
  const [correct] = useAction((correction: string) => edit((now) => corrected(now, correction)));
  const [share, sharing] = useAction(async () => {
    const [picture] = find.photos;
    if (!picture) return;
    const words = await shareVerdict(find.verdict, picture);
    if (words) say({ text: words });
  });
  const [remove, removing] = useAction(async () => {
    const last = (await removeObservation(find.id)) ?? find;
    navigate({ screen: "history" });
    const undo = () => {
      saveObservation(last)
        .then(() => navigate({ screen: "history", item: last.id }))
        .catch(report);
    };
    say({ text: t("history.deleted"), action: { words: t("app.undo"), run: undo } });
  });
  const best = find.verdict.guesses[0]?.label ?? "";
  const said = find.verdict.kind === "unknown" ? t("verdict.unknown") : nameOf(best);
  return (
    <article class="stack settings">
      <div class="find-photos">
        {find.photos.map((photo, index) => (
          <FindPhoto key={index} photo={photo} alt={t("photo.alt", { n: index + 1 })} />
        ))}
      </div>
      <section class="card stack">
        <h2>{t("verdict.title")}</h2>
        {find.correction && (
          <>
            <p>
              <strong>{t("correction.said", { name: nameOf(find.correction) })}</strong>
            </p>
            <p>{t("correction.appSaid", { name: said })}</p>
          </>
        )}
        {!find.correction && find.verdict.kind !== "sure" && (
          <p>{t(`verdict.${find.verdict.kind}`)}</p>
        )}
        <Guesses verdict={find.verdict} />
        <p class="small-print">{t("verdict.photos", { n: find.verdict.photos })}</p>
        <p class="small-print">{t("history.model", find.bundle)}</p>
        <div class="row">
          <button type="button" class="button" onClick={() => setCorrecting(true)}>
            <Icon name="pencil" />
            {t("correction.open")}
          </button>
          <button type="button" class="button" disabled={sharing} onClick={share}>
            <Icon name="share" />
            {t("share.action")}
          </button>
        </div>
      </section>
      <FindNotes find={find} edit={edit} />
      <FindPlace find={find} edit={edit} />
      <button type="button" class="button danger" disabled={removing} onClick={remove}>
        <Icon name="trash" />
        {t("history.delete")}
      </button>
      {correcting && (
        <Correction
          value={find.correction ?? ""}
          onChoose={correct}
          onClose={() => setCorrecting(false)}
        />
      )}
    </article>
  );
}

function FindPhoto({ photo, alt }: { photo: Blob; alt: string }) {
  const url = useObjectUrl(photo);
  return url ? <img src={url} alt={alt} /> : null;
}
