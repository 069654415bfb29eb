/** What went wrong and what to do about it. */
import type { Problem } from "../types";
import { t } from "../i18n";
import { Icon } from "./Icon";

interface Props {
  problem: Problem;
  onRetry?: () => void;
}

export function ProblemNote({ problem, onRetry }: Props) {
  return (
    <div class="note problem" role="alert">
      <Icon name="warning" />
      <div>
        <p class="note-title">{t(`problem.${problem.code}.title`)}</p>
        <p>{t(`problem.${problem.code}.help`)}</p>
        {onRetry && (
          <button type="button" class="button quiet" onClick={onRetry}>
            {t("app.retry")}
          </button>
        )}
      </div>
    </div>
  );
}
