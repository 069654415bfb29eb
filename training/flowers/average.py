"""One network with the mean weights of two: what further training won, and what it lost, in part.

Two networks of which one was trained on from the other lie in one valley of the loss, and so do the
points between them, which are often better than either (Wortsman et al., arXiv 2109.01903).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from models.errors import InputError
from models.files import read_record, refuse_existing, write_text
from models.metrics import Scores
from training.flowers.dataset import decoded, load_splits, scored
from training.flowers.distill import write_run
from training.flowers.ensemble import origin, read_runs
from training.provenance import git_commit, package_versions


def average(
    runs: tuple[Path, Path],
    shares: tuple[float, ...],
    data: Path,
    out: Path,
    *,
    force: bool = False,
) -> dict[float, Scores]:
    """Write the mean of two runs that is best on val, as a run.

    Args:
        runs: The folder of a run, and that of another that was trained on from it.
        shares: Of the second one's weights, to choose from.
        data: Folder with `val/`, as of `bombus train flowers`.
        out: Receives `model.keras`, `labels.txt` and `training.json`.
        force: Replace what is there.

    Returns:
        What each share scores on val; of equally good ones, the larger is taken.

    Raises:
        InputError: Runs of other networks, labels or data; a share outside 0 to 1.
    """
    refuse_existing(out, force)
    if not shares or not all(0 <= share <= 1 for share in shares):
        raise InputError(f"--shares {', '.join(map(str, shares))}: give some from 0 to 1")
    (first, second), labels = read_runs(runs)
    told = [
        read_record(run / "training.json", "recipe", "data_sha256", remedy="train it anew")
        for run in runs
    ]
    splits = load_splits(data, told[1]["recipe"]["seed"])
    if any(t["data_sha256"] != told[1]["data_sha256"] for t in told) or (
        splits.val.sha256 != told[1]["data_sha256"]["val"]
    ):
        raise InputError(f"{data}: not the photos that both runs were trained on")
    weights = first.get_weights(), second.get_weights()
    if [w.shape for w in weights[0]] != [w.shape for w in weights[1]]:
        raise InputError(f"{runs[1]}: another network than {runs[0]}; their weights have no mean")
    size = second.input_shape[1]
    pixels = decoded(splits.val, size, out / "cache", "val")
    found = dict[float, Scores]()
    for share in shares:
        second.set_weights(_between(*weights, share))
        found[share] = scored(second, pixels, splits.val.targets)
    best = max(found, key=lambda share: (found[share].top1, share))
    second.set_weights(_between(*weights, best))
    write_run(second, labels, out)
    record = _record(told, runs, found, best)
    write_text(out / "training.json", json.dumps(record, indent=1))
    return found


def _between(
    first: list[NDArray[Any]], second: list[NDArray[Any]], share: float
) -> list[NDArray[Any]]:
    return [(1 - share) * a + share * b for a, b in zip(first, second, strict=True)]


def _record(
    told: list[dict[str, Any]], runs: tuple[Path, Path], found: dict[float, Scores], best: float
) -> dict[str, Any]:
    """`training.json`: that of the second run, but for what is new."""
    of_the_run = {name: value for name, value in told[1].items() if name != "key"}
    return of_the_run | {
        "val": asdict(found[best]),
        "average": {
            "share": best,
            "tried": {str(share): scores.top1 for share, scores in found.items()},
            "of": [origin(run / "model.keras", one) for run, one in zip(runs, told, strict=True)],
        },
        "versions": package_versions(),
        "git_commit": git_commit(),
    }
