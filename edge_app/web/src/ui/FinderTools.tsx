/** What this very camera can do: stop, switch sides, light, zoom. */
import { useState } from "preact/hooks";
import { number, t } from "../i18n";
import { useApp } from "./context";
import { Icon } from "./Icon";
import { useAction } from "./useAction";
import type { Camera, CameraControls } from "./useCamera";

interface Props {
  camera: Extract<Camera, { phase: "live" }>;
  controls: CameraControls;
}

export function FinderTools({ camera, controls }: Props) {
  const { report } = useApp();
  const { torch, zoom } = camera.abilities;
  const [lit, setLit] = useState(false);
  const [factor, setFactor] = useState(zoom?.min ?? 1);
  const [light, busy] = useAction(async () => {
    await controls.adjust({ torch: !lit });
    setLit(!lit);
  });
  function magnify(value: number) {
    setFactor(value);
    controls.adjust({ zoom: value }).catch(report);
  }
  return (
    <>
      <div class="finder-tools">
        <button
          type="button"
          class="icon-button"
          aria-label={t("identify.stop")}
          onClick={controls.stop}
        >
          <Icon name="close" />
        </button>
        {camera.several && (
          <button
            type="button"
            class="icon-button"
            aria-label={t("identify.flip")}
            onClick={controls.flip}
          >
            <Icon name="flip" />
          </button>
        )}
        {torch && (
          <button
            type="button"
            class="icon-button"
            aria-label={t("identify.torch")}
            aria-pressed={lit}
            disabled={busy}
            onClick={light}
          >
            <Icon name="torch" />
          </button>
        )}
      </div>
      {zoom && zoom.max > zoom.min && (
        <label class="finder-zoom">
          {t("identify.zoom")}
          <input
            type="range"
            min={zoom.min}
            max={zoom.max}
            step={zoom.step || "any"}
            value={factor}
            aria-valuetext={`${number(factor, 1)}×`}
            onInput={(event) => magnify(event.currentTarget.valueAsNumber)}
          />
        </label>
      )}
    </>
  );
}
