from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from models.errors import InputError
from training.recipe import read_toml, with_values


@dataclass(frozen=True)
class Part:
    rate: float = 0.5


@dataclass(frozen=True)
class Whole:
    names: tuple[str, ...] = ("a",)
    part: Part = Part()


def test_lists_become_tuples_and_tables_parts() -> None:
    assert with_values(Whole(), {"names": ["b", "c"], "part": {"rate": 2}}, "x") == Whole(
        ("b", "c"), Part(2.0)
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": []}, "x: unknown key 'name'; one of names, part"),
        ({"names": "b"}, "names = 'b' must be of type tuple"),
        ({"part": 3}, r"part = 3 must be a table \[part\]"),
        ({"part": {"rate": "fast"}}, r"x \[part\]: rate = 'fast' must be of type float"),
    ],
)
def test_other_keys_and_types(values: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        with_values(Whole(), values, "x")


def test_files_that_are_no_toml(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_toml(tmp_path / "gone.toml")
    (tmp_path / "bad.toml").write_text("a = ")
    with pytest.raises(InputError, match="not a TOML recipe"):
        read_toml(tmp_path / "bad.toml")
