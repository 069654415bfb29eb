/** Whether the browser may clear the finds by itself, and how to keep it from that. */
import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n";
import { useApp } from "./context";
import { useAction } from "./useAction";

export function StorageInfo() {
  const { say } = useApp();
  const [safe, setSafe] = useState<boolean>();
  // Absent on pages that the browser holds for insecure.
  const storage = navigator.storage as StorageManager | undefined;
  useEffect(() => {
    if (!storage) return setSafe(false);
    storage.persisted().then(setSafe, () => setSafe(false));
  }, [storage]);
  const [protect, busy] = useAction(async () => {
    const granted = (await storage?.persist()) ?? false;
    setSafe(granted);
    if (!granted) say({ text: t("settings.storage.refused") });
  });
  return (
    <section class="stack">
      <h2>{t("settings.storage")}</h2>
      {safe !== undefined && (
        <p>{t(safe ? "settings.storage.persisted" : "settings.storage.notPersisted")}</p>
      )}
      {safe === false && (
        <button type="button" class="button" disabled={busy} onClick={protect}>
          {t("settings.storage.persist")}
        </button>
      )}
    </section>
  );
}
