"""`bombus robot replay`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.files import refuse_existing, writing_to
from robot.options import LocalizeOptions, ReadOptions, StartOptions
from robot.reference import Reference, StartFrom
from robot.replay import draw_picture, make_view, write_page
from robot.sinks import open_sinks
from robot.truth import read_with_truth
from robot.verbs.follow import follow_log
from robot.verbs.spare import spare_logs

FILES = ("replay.html", "replay.png", "way.tum", "way.csv")


def replay_log(
    where: str,
    read: ReadOptions,
    how: LocalizeOptions,
    start: StartOptions,
    out: Path,
    *,
    truth: str,
    start_from: StartFrom | None,
    bundle: str,
    force: bool,
    note: Callable[[str], None],
) -> dict[str, Any]:
    """Localize a log and draw it; the options are told by the command's help.

    Raises:
        InputError: An option, a file or the log is not what it should be.
    """
    spare_logs([out], [where, truth or None])
    refuse_existing(out, force)
    log = read_with_truth(where, read.reading(), truth, how.world)
    with writing_to(out) as folder:
        folder.mkdir()
        page, picture, *ways = (folder / name for name in FILES)
        with open_sinks([str(way) for way in ways], world=how.world) as sink:
            done = follow_log(
                log,
                how,
                start,
                start_from=start_from,
                bundle=bundle,
                note=note,
                on_pose=sink.write,
            )
        view = make_view(
            Path(where).name,
            done.track,
            truth=log.truth if isinstance(log, Reference) else None,
            slip=done.slip,
            spikes=done.spikes,
        )
        draw_picture(view, picture)
        write_page(view, page)
    return {"out": str(out), "files": list(FILES), **done.tally.as_json()}
