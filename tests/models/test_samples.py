"""The sample photo: there where scikit-learn is, and a line where it is not."""

from __future__ import annotations

import importlib.util

import pytest

from models.errors import InputError
from models.preprocess import load_photo
from models.samples import CREDIT, sample_photo


def test_a_photo_with_its_credit() -> None:
    assert load_photo(sample_photo(), 64).std() > 20
    credits = (sample_photo().parent / "README.txt").read_text()
    assert sample_photo().name in CREDIT
    assert "vultilion" in CREDIT
    assert "flickr.com/photos/vultilion" in credits
    assert "creativecommons.org/licenses/by/2.0" in credits


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install scikit-learn"):
        sample_photo()
