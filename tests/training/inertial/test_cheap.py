"""The page about cheap IMUs, on KITTI with the shipped bundle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from models.bundle import find_bundle
from models.errors import InputError
from training.inertial import cheap, kitti


def test_a_standing_start_needs_no_truth(
    bombus_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kitti, "SCORED", ("04", "07"))
    found = cheap.write_report(find_bundle("localizer"), bombus_data, tmp_path, 2)
    assert found["biases, standing, SNN"] < 1.3
    assert found["biases, standing, SNN"] < found["biases, standing, constants"]
    assert found["biases, start given, SNN"] > 10  # of one that believes to know the biases
    page = (tmp_path / cheap.PAGE).read_text()
    (row,) = (line for line in page.splitlines() if line.startswith("| biases, standing, SNN"))
    assert f"{found['biases, standing, SNN']:.2f} ± " in row


def test_what_taught_it_does_not_judge_it(bombus_data: Path, tmp_path: Path) -> None:
    bundle = find_bundle("localizer")
    drives = [kitti.SEQUENCES["07"].drive]
    source = bundle.manifest.source.model_copy(update={"training": {"drives": drives}})
    known = replace(bundle, manifest=bundle.manifest.model_copy(update={"source": source}))
    with pytest.raises(InputError, match="learned from the drives of 07; score one trained with"):
        cheap.write_report(known, bombus_data, tmp_path, 1)
    assert not list(tmp_path.iterdir())
