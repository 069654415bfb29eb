"""Formats whose packages are not installed say which and how."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from models.errors import InputError
from robot.sources import open_source
from tests.robot.sources import test_mcap
from tests.robot.sources.logs import make_log


@pytest.mark.parametrize(
    ("where", "module", "package"),
    [
        ("log.bag", "rosbags.highlevel", "rosbags"),
        ("log.mcap", "mcap.reader", "mcap"),
        ("serial:/dev/ttyUSB0", "serial", "pyserial"),
    ],
)
def test_a_package_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, module: str, package: str
) -> None:
    test_mcap.write(tmp_path, test_mcap.messages(make_log()))
    (tmp_path / "log.bag").write_bytes(b"")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf"{package}.*pip install 'bombus\[robot\]'"):
        open_source(where if ":" in where else str(tmp_path / where))
