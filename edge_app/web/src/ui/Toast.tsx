/** One short message at the foot of the screen, with at most one thing to do about it. */
import { t } from "../i18n";
import { Icon } from "./Icon";

export interface Message {
  text: string;
  /** Errors interrupt a screen reader, good news waits. */
  urgent?: boolean;
  action?: { words: string; run: () => void };
}

interface Props {
  message: Message | undefined;
  onClose: () => void;
}

export function Toast({ message, onClose }: Props) {
  return (
    <div class="toasts">
      <div role="status">{message && !message.urgent ? message.text : ""}</div>
      <div role="alert">{message?.urgent ? message.text : ""}</div>
      {message && (
        <div class="toast-actions">
          {message.action && (
            <button
              type="button"
              class="button quiet"
              onClick={() => {
                onClose();
                message.action?.run();
              }}
            >
              {message.action.words}
            </button>
          )}
          <button type="button" class="icon-button" aria-label={t("app.close")} onClick={onClose}>
            <Icon name="close" />
          </button>
        </div>
      )}
    </div>
  );
}
