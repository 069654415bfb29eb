/** The viewfinder: a verdict one to three times a second, and a shutter that keeps its very frame. */
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { useApp } from "./context";
import { FinderTools } from "./FinderTools";
import { Icon } from "./Icon";
import { LiveVerdict } from "./LiveVerdict";
import { ProblemNote } from "./ProblemNote";
import { useCamera } from "./useCamera";
import type { Ready } from "./useRecogniser";
import { useLive, type Kept } from "./useLive";

interface Props {
  ready: Ready | undefined;
  onKeep: (kept: Kept) => void;
}

export function LiveCamera({ ready, onKeep }: Props) {
  const { report } = useApp();
  const controls = useCamera();
  const { camera } = controls;
  const video = useRef<HTMLVideoElement>(null);
  const stream = camera.phase === "live" ? camera.stream : undefined;
  const [playing, setPlaying] = useState(false);
  useEffect(() => {
    setPlaying(false);
    if (video.current && stream) {
      video.current.srcObject = stream;
      video.current.play().catch(() => undefined); // interrupted by the next stream
    }
  }, [stream]);
  const live = useLive(playing ? ready : undefined, video, report);
  const front = stream?.getVideoTracks()[0]?.getSettings().facingMode === "user";

  return (
    <section class="stack" aria-label={t("identify.camera")}>
      <div class={`finder ${camera.phase === "live" ? "" : "empty"}`}>
        {camera.phase === "live" ? (
          <>
            <video
              ref={video}
              class={front ? "mirrored" : ""}
              muted
              playsInline
              aria-label={t("identify.hint")}
              onPlaying={() => setPlaying(true)}
            />
            <FinderTools camera={camera} controls={controls} />
          </>
        ) : (
          <div class="finder-empty">
            <img src="./icons/icon.svg" alt="" />
            {camera.phase === "starting" ? (
              <p role="status">{t("identify.starting")}</p>
            ) : (
              <button type="button" class="button primary" onClick={controls.start}>
                <Icon name="camera" />
                {t("identify.start")}
              </button>
            )}
          </div>
        )}
      </div>
      {camera.phase === "failed" && <ProblemNote problem={camera.problem} />}
      {camera.phase === "live" && (
        <div class="live">
          <LiveVerdict verdict={live.verdict} waiting={!ready} />
          <button
            type="button"
            class="shutter"
            aria-label={t("identify.shutter")}
            disabled={!live.verdict}
            onClick={() => {
              const kept = live.keep();
              if (kept) onKeep(kept);
            }}
          />
        </div>
      )}
    </section>
  );
}
