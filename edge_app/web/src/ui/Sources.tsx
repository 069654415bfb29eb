/** Ways to a photo without the live camera: the gallery, and the phone's own camera app. */
import { t } from "../i18n";
import { useAction } from "./useAction";
import { Icon } from "./Icon";

interface Props {
  onFiles: (files: File[]) => Promise<void>;
  /** Only the gallery: beside a photo that is there already. */
  words?: string;
}

export function Sources({ onFiles, words }: Props) {
  const [take, busy] = useAction(onFiles);
  if (words) return <FileButton words={words} icon="plus" busy={busy} many onFiles={take} />;
  // Two inputs, because `capture` takes the choice of the gallery away.
  return (
    <div class="sources">
      <FileButton words={t("identify.choose")} icon="photos" busy={busy} many onFiles={take} />
      <FileButton words={t("identify.take")} icon="camera" busy={busy} capture onFiles={take} />
    </div>
  );
}

interface FileButtonProps {
  words: string;
  icon: "photos" | "camera" | "plus";
  busy: boolean;
  many?: boolean;
  capture?: boolean;
  onFiles: (files: File[]) => void;
}

function FileButton({ words, icon, busy, many, capture, onFiles }: FileButtonProps) {
  return (
    <label class="button file-button" aria-busy={busy}>
      <Icon name={icon} />
      <span>{words}</span>
      <input
        type="file"
        accept="image/*"
        multiple={many ?? false}
        {...(capture ? { capture: "environment" as const } : {})}
        disabled={busy}
        onChange={(event) => {
          const files = [...(event.currentTarget.files ?? [])];
          event.currentTarget.value = ""; // the same file again is a new choice
          if (files.length > 0) onFiles(files);
        }}
      />
    </label>
  );
}
