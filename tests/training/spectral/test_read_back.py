"""`bombus train spectral-indices`: what a run has learned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bombus import run
from models.errors import InputError
from training.spectral.networks import build
from training.spectral.read_back import learned_indices, write_indices

BANDS = ("B3", "B4", "B8A", "B8")


def write_run(folder: Path, kind: str = "ndl") -> Path:
    """A run of a network that looks at one pair only, B4 and B8."""
    values = np.random.default_rng(0).uniform(0.02, 0.6, (300, len(BANDS)))
    folder.mkdir()
    model = build(kind, values, 2, 0)
    head = model.layers[-1]
    kernel, bias = head.get_weights()
    if kind == "ndl":
        kernel[:] = 0.01
        kernel[4] = -3.0  # (B4, B8): of all pairs the fifth
    head.set_weights([kernel, bias])
    model.save(folder / "model.keras")
    np.savez(folder / "learned.npz", X=values, y=np.zeros(300, int))
    (folder / "contract.json").write_text(json.dumps({"bands": BANDS}))
    return folder


def test_the_pair_that_counts_comes_first(tmp_path: Path) -> None:
    learned = learned_indices(write_run(tmp_path / "run"))
    assert len(learned) == 6
    best = learned[0]
    assert (best.index.first, best.index.second) == ("B4", "B8")
    assert best.match is not None
    assert (best.match.sign, best.match.equal) == (1, True)
    assert best.match.names[0] == "RNDVI"
    assert best.importance > 50 * learned[1].importance


def test_the_page_and_the_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = write_run(tmp_path / "run")
    assert run(["train", "spectral-indices", str(folder), "--most", "1"]) == 0
    shown = capfd.readouterr().out.splitlines()
    assert shown[0].startswith(shown[0].split()[0] + "  ND(B4, B8)  = RNDVI")
    assert shown[-1].startswith("6 indices ->")
    page = (folder / "spectral-indices.md").read_text(encoding="utf-8")
    assert page.count("| ND(") == 6
    assert (folder / "spectral-indices.png").read_bytes().startswith(b"\x89PNG")
    learned = write_indices(folder, tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "spectral-indices.png").exists()
    assert run(["train", "spectral-indices", str(folder), "--json"]) == 0
    assert len(json.loads(capfd.readouterr().out)) == len(learned)


def test_what_has_no_indices_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no model\.keras; train it"):
        learned_indices(tmp_path)
    with pytest.raises(InputError, match="not normalized differences under a linear head"):
        learned_indices(write_run(tmp_path / "run", "mlp-z"))
