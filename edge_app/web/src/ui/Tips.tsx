/** Three short cards on the first run. */
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { Icon, type IconName } from "./Icon";

const TIPS: { key: "close" | "honest" | "private"; icon: IconName }[] = [
  { key: "close", icon: "flower" },
  { key: "honest", icon: "eye" },
  { key: "private", icon: "lock" },
];

export function Tips({ onDone }: { onDone: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const [index, setIndex] = useState(0);
  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => heading.current?.focus(), [index]);

  const tip = TIPS[index] ?? TIPS[0]!;
  const last = index === TIPS.length - 1;
  return (
    <dialog ref={dialog} class="sheet tips" aria-labelledby="tip-title" onClose={onDone}>
      <div class="tip-picture">
        <Icon name={tip.icon} />
      </div>
      <p class="eyebrow">{t("tips.step", { n: index + 1, total: TIPS.length })}</p>
      <h2 id="tip-title" ref={heading} tabIndex={-1}>
        {t(`tips.${tip.key}.title`)}
      </h2>
      <p>{t(`tips.${tip.key}.text`)}</p>
      <div class="row">
        {!last && (
          <button type="button" class="button quiet" onClick={() => dialog.current?.close()}>
            {t("tips.skip")}
          </button>
        )}
        <button
          type="button"
          class="button primary"
          onClick={() => (last ? dialog.current?.close() : setIndex(index + 1))}
        >
          {t(last ? "tips.start" : "tips.next")}
        </button>
      </div>
    </dialog>
  );
}
