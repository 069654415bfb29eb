/** Where a find was made: asked for only when the person taps. */
import type { Observation } from "../types";
import { number, t } from "../i18n";
import { useApp } from "./context";
import type { Edit } from "./find";
import { Icon } from "./Icon";
import { useAction } from "./useAction";

export function FindPlace({ find, edit }: { find: Observation; edit: Edit }) {
  const { say } = useApp();
  const { place } = find;
  const [add, adding] = useAction(async () => {
    const position = await here();
    if (!position) return say({ text: t("history.placeFailed"), urgent: true });
    const { latitude, longitude, accuracy } = position.coords;
    await edit((now) => ({ ...now, place: { latitude, longitude, accuracy } }));
  });
  const [remove, removing] = useAction(() => edit(({ place: _before, ...rest }) => rest));
  return (
    <section class="stack">
      <h2>{t("history.place")}</h2>
      {place ? (
        <>
          <p>
            {number(place.latitude, 5)}, {number(place.longitude, 5)} (
            {t("history.accuracy", { metres: Math.round(place.accuracy) })})
          </p>
          <button type="button" class="button" disabled={removing} onClick={remove}>
            {t("history.removePlace")}
          </button>
        </>
      ) : (
        <button type="button" class="button" disabled={adding} onClick={add}>
          <Icon name="pin" />
          {t("history.addPlace")}
        </button>
      )}
      <p class="small-print">{t("history.placeHint")}</p>
    </section>
  );
}

function here(): Promise<GeolocationPosition | undefined> {
  const options = { enableHighAccuracy: true, timeout: 20_000, maximumAge: 60_000 };
  return new Promise((resolve) => {
    if (!("geolocation" in navigator)) return resolve(undefined);
    navigator.geolocation.getCurrentPosition(resolve, () => resolve(undefined), options);
  });
}
