/** All finds, the newest first. */
import { useState } from "preact/hooks";
import { exportCsv, exportZip, importZip } from "../store/archive";
import { listObservations } from "../store/observations";
import type { Observation } from "../types";
import { date, hasWords, nameOf, speciesOf, t } from "../i18n";
import { useApp } from "./context";
import { titleOf } from "./find";
import { Icon } from "./Icon";
import { download } from "./picture";
import { ProblemNote } from "./ProblemNote";
import { addressOf } from "./route";
import { Screen } from "./Screen";
import { SearchField } from "./SearchField";
import { Thumbnail } from "./Thumbnail";
import { useAction } from "./useAction";
import { useFinds } from "./useFinds";

export function HistoryList() {
  const { finds, problem, reload } = useFinds(listObservations);
  const [search, setSearch] = useState("");
  const found = finds?.filter((find) => matches(find, search)) ?? [];
  return (
    <Screen
      title={t("history.title")}
      {...(finds?.length ? { subtitle: t("history.count", { n: finds.length }) } : {})}
    >
      {problem && <ProblemNote problem={problem} onRetry={reload} />}
      {finds?.length === 0 && (
        <div class="empty">
          <img src="./icons/icon.svg" alt="" />
          <h2>{t("history.empty")}</h2>
          <p>{t("history.emptyHint")}</p>
        </div>
      )}
      {finds && finds.length > 0 && (
        <SearchField words={t("history.search")} value={search} onInput={setSearch} />
      )}
      {finds && finds.length > 0 && found.length === 0 && <p role="status">{t("history.none")}</p>}
      <ul class="cards">
        {found.map((find) => (
          <FindCard key={find.id} find={find} />
        ))}
      </ul>
      <Archive finds={finds ?? []} onImport={reload} />
    </Screen>
  );
}

function FindCard({ find }: { find: Observation }) {
  return (
    <li>
      <a class="card" href={addressOf({ screen: "history", item: find.id })}>
        <Thumbnail photo={find.photos[0]} />
        <span class="card-words">
          <span class="card-title">{titleOf(find)}</span>
          <span class="small-print">{date(find.date, "short")}</span>
        </span>
        <Icon name="next" />
      </a>
    </li>
  );
}

function Archive({ finds, onImport }: { finds: Observation[]; onImport: () => void }) {
  const { say } = useApp();
  const stamp = () => new Date().toISOString().slice(0, 10);
  const [zip, zipping] = useAction(async () => {
    download(await exportZip(finds), `bombus-${stamp()}.zip`);
    say({ text: t("history.exported", { n: finds.length }) });
  });
  const [csv, writing] = useAction(async () => {
    download(exportCsv(finds), `bombus-${stamp()}.csv`);
    say({ text: t("history.exported", { n: finds.length }) });
  });
  const [take, taking] = useAction(async (file: File) => {
    const count = await importZip(file);
    say({ text: t("history.imported", { n: count }) });
    onImport();
  });
  const busy = zipping || writing || taking;
  return (
    <details>
      <summary>{t("history.more")}</summary>
      <div class="stack">
        <button type="button" class="button" disabled={busy || !finds.length} onClick={zip}>
          {t("history.exportZip")}
        </button>
        <button type="button" class="button" disabled={busy || !finds.length} onClick={csv}>
          {t("history.exportCsv")}
        </button>
        <label class="button file-button" aria-busy={busy}>
          {t("history.import")}
          <input
            type="file"
            accept=".zip,application/zip"
            disabled={busy}
            onChange={(event) => {
              const [file] = event.currentTarget.files ?? [];
              if (file) take(file);
              event.currentTarget.value = "";
            }}
          />
        </label>
        {busy && <p role="status">{t("history.working")}</p>}
      </div>
    </details>
  );
}

/** Whether every word searched for stands in the find's names, correction, notes or date. */
function matches(find: Observation, search: string): boolean {
  const labels = [find.correction ?? "", ...find.verdict.guesses.map(({ label }) => label)];
  const names = labels.flatMap((label) => [nameOf(label), speciesOf(label)?.latin ?? ""]);
  return hasWords([...names, find.notes ?? "", date(find.date)].join(" "), search);
}
