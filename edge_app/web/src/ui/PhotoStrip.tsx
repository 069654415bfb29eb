/** The photos of one plant: choose which is shown, remove one, add more. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import { Icon } from "./Icon";
import { Sources } from "./Sources";
import { useAddFiles } from "./useAddFiles";
import { MOST_PHOTOS, type Photo, type Subject } from "./useSubject";

export function PhotoStrip({ subject }: { subject: Subject }) {
  const { photos, shown } = subject;
  const add = useAddFiles(false);
  return (
    <div class="strip">
      {photos.length > 1 && (
        <ul class="strip">
          {photos.map((photo, index) => (
            <li key={photo.id} class="strip-item">
              <button
                type="button"
                aria-label={t("photo.select", { n: index + 1 })}
                {...(photo.id === shown?.id ? { "aria-current": "true" as const } : {})}
                onClick={() => subject.show(photo.id)}
              >
                <Miniature photo={photo} />
              </button>
              <button
                type="button"
                class="icon-button remove"
                aria-label={t("photo.remove", { n: index + 1 })}
                onClick={() => subject.remove(photo.id)}
              >
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
      {photos.length < MOST_PHOTOS && <Sources words={t("photo.add")} onFiles={add} />}
    </div>
  );
}

const SIDE = 144;

function Miniature({ photo: { image, square } }: { photo: Photo }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const { left, top, side } = square;
    canvas.current?.getContext("2d")?.drawImage(image, left, top, side, side, 0, 0, SIDE, SIDE);
  }, [image, square]);
  return <canvas ref={canvas} width={SIDE} height={SIDE} />;
}
