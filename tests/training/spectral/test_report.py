from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from models.errors import InputError
from tests.training.spectral.cells import all_cells, cell_facts, write_cells
from training.spectral.networks import KINDS
from training.spectral.report import PAGE, PICTURE, TABLES, write_report
from training.spectral.tasks import TASKS


def test_pages_of_a_whole_study(
    tmp_path: Path, bombus: Callable[..., tuple[int, str, str]]
) -> None:
    cells = [cell_facts(c) for c in all_cells()]
    cells[0] |= {"diverged": [1], "clean": [20.0, 96.0]}
    run, out = write_cells(tmp_path / "run", cells), tmp_path / "pages"
    code, said, _ = bombus("train", "spectral-report", run, "--out", out, "--json")
    assert code == 0
    reached = json.loads(said)
    forms = [kind for kind, facts in KINDS.items() if not facts.control]
    assert set(reached) == {f"{k}, {a}" for k in forms for a in ("none", "noise", "gain")}
    assert len(reached["ndl, noise"]) == 7
    assert len(reached["ndl, none"]) == 6  # one diverged
    page, tables = ((out / name).read_text(encoding="utf-8") for name in (PAGE, TABLES))
    assert f"{len(cells)} of {len(cells)} cells are there." in page
    assert "corn-and-soya, grouped, none, ndl: seeds 1" in page
    assert "| the paper | 136 | 0.17 | 541 | 3.03 |" in page
    assert "| Indian Pines: woods v rest | 136 | 3.00 ± 0.71 | 541 | 4.00 ± 0.71 |" in page
    assert "NDL, none | 6 | clean | **yes** |" in page
    assert page.count("95.50 ± 0.71 / 3.00 / 0.00") > 20
    assert tables.count("\n| grouped |") + tables.count("\n| random |") == len(cells)
    assert all(f"## {task.title}" in tables for task in TASKS.values())
    assert (out / PICTURE).read_bytes().startswith(b"\x89PNG")


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    cells = [cell_facts(c) for c in all_cells() if c.kind in ("ndl", "mlp-z")]
    reached = write_report(write_cells(tmp_path / "run", cells), tmp_path)
    assert not any(reached.values())  # not judged without all controls
    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert f"{len(cells)} of {len(all_cells())} cells are there." in page
    assert "The target is met by: nothing." in page


def test_no_study(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no study"):
        write_report(tmp_path, tmp_path)
