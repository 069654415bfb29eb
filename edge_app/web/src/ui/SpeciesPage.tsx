/** What the app knows of one flower. */
import type { Species } from "../types";
import { listed, nameOf, speciesOf, t } from "../i18n";
import { Icon } from "./Icon";
import { Pairs, type Pair } from "./Pairs";
import { Screen } from "./Screen";
import { SeasonStrip } from "./SeasonStrip";

export function SpeciesPage({ label }: { label: string }) {
  const species = speciesOf(label);
  return (
    <Screen
      title={nameOf(label)}
      back={{ screen: "species" }}
      {...(species
        ? {
            subtitle: (
              <span class="latin" lang="la">
                {species.latin}
              </span>
            ),
          }
        : {})}
    >
      {species ? <Facts species={species} /> : <p>{t("species.missing")}</p>}
    </Screen>
  );
}

function Facts({ species }: { species: Species }) {
  return (
    <article class="facts">
      <Pairs
        pairs={[
          [t("species.family"), species.family],
          ...(species.otherNames.length > 0
            ? [[t("species.otherNames"), listed(species.otherNames)] satisfies Pair]
            : []),
        ]}
      />
      <section>
        <h2>{t("species.description")}</h2>
        <p>{species.description}</p>
      </section>
      <section>
        <h2>{t("species.season")}</h2>
        <p>{species.season}</p>
        <SeasonStrip months={species.months} />
        <p class="small-print">{t("species.northern")}</p>
      </section>
      <Toxicity toxicity={species.toxicity} />
      {species.lookAlikes.length > 0 && (
        <section>
          <h2>{t("species.lookAlikes")}</h2>
          <ul class="look-alikes">
            {species.lookAlikes.map((other) => (
              <li key={other.latin}>
                <strong>{other.name}</strong>{" "}
                <span class="latin" lang="la">
                  {other.latin}
                </span>
                <p>{other.tell}</p>
              </li>
            ))}
          </ul>
        </section>
      )}
    </article>
  );
}

function Toxicity({ toxicity }: { toxicity: Species["toxicity"] }) {
  return (
    <section>
      <h2>{t("species.toxicity")}</h2>
      <p>
        <span class={`tag ${toxicity.level}`}>
          {toxicity.level !== "none" && <Icon name="warning" />}
          {t(`species.toxicity.${toxicity.level}`)}
        </span>
      </p>
      <Pairs
        pairs={[
          [t("species.people"), toxicity.people],
          [t("species.pets"), toxicity.pets],
        ]}
      />
      <p class="note">
        <Icon name="warning" />
        {t("species.safety")}
      </p>
    </section>
  );
}
