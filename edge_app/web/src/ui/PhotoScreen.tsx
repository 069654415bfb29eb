/** The plant at hand: its photos, the part of each to look at, and the verdict over all of them. */
import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n";
import { getObservation, saveObservation } from "../store/observations";
import { useApp } from "./context";
import { Correction } from "./Correction";
import { Cropper } from "./Cropper";
import { corrected } from "./find";
import { PhotoStrip } from "./PhotoStrip";
import { redirect } from "./route";
import { Screen } from "./Screen";
import { useDrop } from "./useDrop";
import { useAction } from "./useAction";
import { useAddFiles } from "./useAddFiles";
import { useHeat } from "./useHeat";
import { useVerdict } from "./useVerdict";
import { VerdictCard } from "./VerdictCard";
import { WhyPanel } from "./WhyPanel";

export function PhotoScreen() {
  const { subject, labels, recogniser } = useApp();
  const { photos, shown, correction, saved } = subject;
  /** The flower whose heat map lies over the photo. */
  const [why, setWhy] = useState<string>();
  const [curious, setCurious] = useState(false);
  /** Here and not beside the verdict, which goes while another photo is looked at. */
  const [correcting, setCorrecting] = useState(false);
  const verdict = useVerdict(subject, recogniser);
  const explainable = verdict && (verdict.kind !== "unknown" || curious) ? verdict : undefined;
  const overlay = useHeat(shown, explainable && why, labels);
  const [add] = useAction(useAddFiles(false));
  const [correct] = useAction(async (next: string) => {
    subject.correct(next);
    if (!saved) return;
    const kept = corrected((await getObservation(saved.id)) ?? saved, next);
    await saveObservation(kept);
    subject.markSaved(kept, photos);
  });
  const dropping = useDrop(add);

  // After a reload there is no photo to show.
  useEffect(() => {
    if (photos.length === 0) redirect({ screen: "identify" });
  }, [photos.length]);
  if (!shown) return null;
  const number = photos.indexOf(shown) + 1;
  return (
    <Screen
      title={t("photo.title")}
      back={{ screen: "identify" }}
      class={dropping ? "dropping" : ""}
      drop={t("identify.drop")}
    >
      <div class="photo-columns">
        <section class="stack" aria-label={t("photo.photos")}>
          <Cropper
            key={shown.id}
            image={shown.image}
            square={shown.square}
            alt={t("photo.alt", { n: number })}
            onCrop={(square) => subject.crop(shown.id, square)}
            overlay={overlay}
          />
          {explainable && <WhyPanel guesses={explainable.guesses} why={why} onWhy={setWhy} />}
          <PhotoStrip subject={subject} />
        </section>
        <VerdictCard
          verdict={verdict}
          curious={curious}
          onCurious={setCurious}
          onCorrect={() => setCorrecting(true)}
        />
      </div>
      {correcting && (
        <Correction value={correction} onChoose={correct} onClose={() => setCorrecting(false)} />
      )}
    </Screen>
  );
}
