/** Photos from files, as a new plant or added to the one at hand. */
import { t } from "../i18n";
import { useApp } from "./context";
import { navigate } from "./route";
import { MOST_PHOTOS } from "./useSubject";

export function useAddFiles(fresh: boolean): (files: File[]) => Promise<void> {
  const { subject, say } = useApp();
  return async (files) => {
    const room = MOST_PHOTOS - (fresh ? 0 : subject.photos.length);
    const problems = await subject.addFiles(files.slice(0, room), fresh);
    if (fresh && problems.length < files.length) navigate({ screen: "photo" });
    if (files.length > room) say({ text: t("photo.limit", { n: MOST_PHOTOS }), urgent: true });
    if (problems.length > 0) throw problems[0];
  };
}
