/** "Why?": which of the guesses the heat map over the photo explains. */
import type { Guess } from "../types";
import { nameOf, t } from "../i18n";
import { useApp } from "./context";
import { Icon } from "./Icon";

interface Props {
  guesses: Guess[];
  /** The flower explained; none while the photo is shown bare. */
  why: string | undefined;
  onWhy: (label: string | undefined) => void;
}

export function WhyPanel({ guesses, why, onWhy }: Props) {
  const { shown } = useApp().subject;
  const [best] = guesses;
  if (!best || !shown?.answer?.outputs?.activationMap) return null;
  return (
    <div class="why">
      <div class="segments">
        <button
          type="button"
          class="button"
          aria-pressed={why !== undefined}
          onClick={() => onWhy(why === undefined ? best.label : undefined)}
        >
          <Icon name="eye" />
          {t("verdict.why")}
        </button>
        {why !== undefined && (
          <div class="segments" role="group" aria-label={t("verdict.whyFor")}>
            {guesses.map(({ label }) => (
              <button
                key={label}
                type="button"
                class="button"
                aria-pressed={label === why}
                onClick={() => onWhy(label)}
              >
                {nameOf(label)}
              </button>
            ))}
          </div>
        )}
      </div>
      {why !== undefined && (
        <p class="small-print">{t("verdict.whyHint", { name: nameOf(why) })}</p>
      )}
    </div>
  );
}
