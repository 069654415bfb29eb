/** All flowers that the chosen bundle tells apart, by name. */
import { useState } from "preact/hooks";
import { byName, hasWords, labelsWithPages, nameOf, speciesOf, t } from "../i18n";
import { useApp } from "./context";
import { Icon } from "./Icon";
import { addressOf } from "./route";
import { Screen } from "./Screen";
import { SearchField } from "./SearchField";
import { SeasonStrip } from "./SeasonStrip";

export function SpeciesList() {
  const { labels: known } = useApp();
  const labels = known.length > 0 ? known : labelsWithPages();
  const [search, setSearch] = useState("");
  const found = labels.filter((label) => matches(label, search)).sort(byName);
  return (
    <Screen title={t("species.title")} subtitle={t("species.count", { n: labels.length })}>
      <SearchField words={t("species.search")} value={search} onInput={setSearch} />
      {labels.length > 0 && found.length === 0 && <p role="status">{t("species.none")}</p>}
      <ul class="cards">
        {found.map((label) => (
          <SpeciesCard key={label} label={label} />
        ))}
      </ul>
    </Screen>
  );
}

function SpeciesCard({ label }: { label: string }) {
  const species = speciesOf(label);
  return (
    <li>
      <a class="card species-card" href={addressOf({ screen: "species", item: label })}>
        <span class="card-words">
          <span class="card-title">{nameOf(label)}</span>
          {species && (
            <span class="latin" lang="la">
              {species.latin}
            </span>
          )}
          {species && <SeasonStrip months={species.months} small />}
          {species && species.toxicity.level !== "none" && (
            <span class={`tag ${species.toxicity.level}`}>
              {t(`species.toxicity.${species.toxicity.level}`)}
            </span>
          )}
        </span>
        <Icon name="next" />
      </a>
    </li>
  );
}

/** Whether every word searched for stands in one of the flower's names. */
function matches(label: string, search: string): boolean {
  const species = speciesOf(label);
  const names = [nameOf(label), species?.latin, species?.family, ...(species?.otherNames ?? [])];
  return hasWords(names.join(" "), search);
}
