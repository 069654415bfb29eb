/** The likeliest flowers with their calibrated confidence, in words and as a number. */
import type { Verdict } from "../types";
import { nameOf, percent, speciesOf, t } from "../i18n";
import { confidenceWords } from "./confidence";
import { addressOf } from "./route";

export function Guesses({ verdict }: { verdict: Verdict }) {
  return (
    <ol aria-label={t("verdict.guesses")}>
      {verdict.guesses.map((guess) => (
        <li key={guess.label} class="guess">
          <span class="guess-name">
            <a href={addressOf({ screen: "species", item: guess.label })}>{nameOf(guess.label)}</a>
          </span>
          <span class="guess-number">{percent(guess.confidence)}</span>
          <span class="guess-words">
            <i lang="la">{speciesOf(guess.label)?.latin}</i> · {confidenceWords(guess, verdict)}
          </span>
          <span class="guess-bar" aria-hidden="true">
            <span style={{ width: `${guess.confidence * 100}%` }} />
          </span>
        </li>
      ))}
    </ol>
  );
}
