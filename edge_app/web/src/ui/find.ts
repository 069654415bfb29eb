/** Words and edits of a kept find. */
import type { Observation } from "../types";
import { nameOf, t } from "../i18n";

/** As the person says, else as the app said. */
export function titleOf({ correction, verdict }: Observation): string {
  if (correction) return nameOf(correction);
  if (verdict.kind === "unknown") return t("verdict.unknown");
  const best = nameOf(verdict.guesses[0]?.label ?? "");
  return verdict.kind === "unsure" ? `${best}?` : best;
}

/** With another correction; "" takes it away. The verdict stays as it was. */
export function corrected(find: Observation, correction: string): Observation {
  const { correction: _before, ...rest } = find;
  return correction ? { ...rest, correction } : rest;
}

export type Edit = (change: (find: Observation) => Observation) => Promise<void>;
