/** Twelve months, those of flowering filled in. */
import { month, t } from "../i18n";

interface Props {
  months: number[];
  /** In a list the strip is decoration beside the words of the page it leads to. */
  small?: boolean;
}

export function SeasonStrip({ months, small = false }: Props) {
  const all = Array.from({ length: 12 }, (_, index) => index + 1);
  if (small) {
    return (
      <span class="season small" aria-hidden="true">
        {all.map((one) => (
          <span key={one} class={months.includes(one) ? "on" : ""} />
        ))}
      </span>
    );
  }
  const now = new Date().getMonth() + 1;
  return (
    <ol class="season">
      {all.map((one) => {
        const inFlower = months.includes(one);
        const words = t(inFlower ? "species.inFlower" : "species.notInFlower", {
          month: month(one),
        });
        return (
          <li key={one} class={`${inFlower ? "on" : ""} ${one === now ? "now" : ""}`}>
            <span aria-hidden="true">{month(one, "narrow")}</span>
            <span class="unseen">{words}</span>
          </li>
        );
      })}
    </ol>
  );
}
