/** The first screen: the live camera, and the ways to a photo. */
import { t } from "../i18n";
import { useApp } from "./context";
import { Icon } from "./Icon";
import { LiveCamera } from "./LiveCamera";
import { ProblemNote } from "./ProblemNote";
import { navigate } from "./route";
import { Screen } from "./Screen";
import { Sources } from "./Sources";
import { useAction } from "./useAction";
import { useAddFiles } from "./useAddFiles";
import { useDrop } from "./useDrop";

export function Identify() {
  const { subject, recogniser } = useApp();

  const start = useAddFiles(true);
  const [drop] = useAction(start);
  const dropping = useDrop(drop);
  return (
    <Screen
      title={t("identify.title")}
      class={dropping ? "dropping" : ""}
      drop={t("identify.drop")}
    >
      <LiveCamera
        ready={recogniser.phase === "ready" ? recogniser : undefined}
        onKeep={({ image, square, answer }) => {
          subject.startWith(image, square, answer);
          navigate({ screen: "photo" });
        }}
      />
      {recogniser.phase === "failed" && (
        <ProblemNote problem={recogniser.problem} onRetry={recogniser.retry} />
      )}
      <Sources onFiles={start} />
      <p class="small-print drop-hint">{t("identify.dropHint")}</p>
      <p class="small-print private">
        <Icon name="lock" />
        {t("identify.private")}
      </p>
    </Screen>
  );
}
