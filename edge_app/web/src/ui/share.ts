/** Sharing a result with the phone's own dialog, or by clipboard and download where it has none. */
import type { Verdict } from "../types";
import { nameOf, percent, speciesOf, t } from "../i18n";
import { download } from "./picture";

/** What to tell the person afterwards; nothing where the phone's dialog has said it. */
export async function shareVerdict(verdict: Verdict, picture: Blob): Promise<string | undefined> {
  const text = textOf(verdict);
  const files = [new File([picture], "bombus.jpg", { type: picture.type })];
  if (navigator.canShare?.({ files, text })) {
    try {
      await navigator.share({ files, text });
      return undefined;
    } catch (error) {
      // Closing the dialog is an answer, too.
      if (error instanceof DOMException && error.name === "AbortError") return undefined;
    }
  }
  download(picture, "bombus.jpg");
  try {
    await navigator.clipboard.writeText(text);
    return t("share.copied");
  } catch {
    return t("share.downloaded");
  }
}

function textOf({ kind, guesses: [best] }: Verdict): string {
  if (kind === "unknown" || !best) return t("share.textUnknown");
  return t("share.text", {
    name: nameOf(best.label),
    latin: speciesOf(best.label)?.latin ?? best.label,
    percent: percent(best.confidence),
  });
}
