/** The four places of the app: at the bottom of a phone, at the side of a desktop. */
import { t, type Key } from "../i18n";
import { Icon, type IconName } from "./Icon";
import { addressOf, type Route } from "./route";

const PLACES: { screen: Route["screen"]; icon: IconName; words: Key }[] = [
  { screen: "identify", icon: "camera", words: "nav.identify" },
  { screen: "species", icon: "flower", words: "nav.species" },
  { screen: "history", icon: "history", words: "nav.history" },
  { screen: "settings", icon: "settings", words: "nav.settings" },
];

export function NavBar({ route }: { route: Route }) {
  const here = route.screen === "photo" ? "identify" : route.screen;
  return (
    <nav class="nav" aria-label={t("nav.label")}>
      {PLACES.map(({ screen, icon, words }) => (
        <a
          key={screen}
          href={addressOf({ screen })}
          {...(screen === here ? { "aria-current": "page" as const } : {})}
        >
          <Icon name={icon} />
          <span>{t(words)}</span>
        </a>
      ))}
    </nav>
  );
}
