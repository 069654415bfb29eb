"""What crashes or hangs takes only itself, and says how it ended."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from functools import partial
from pathlib import Path

import pytest

from export.conversion.workshop import Call, run_apart
from models.errors import ConversionError, GateError


def _killed() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _refused() -> None:
    raise GateError("not good enough")


def _littering() -> str:
    handle, path = tempfile.mkstemp()
    os.close(handle)
    return path


def _failed() -> None:
    raise ValueError("first line\nsecond line")


def test_each_ends_by_itself() -> None:
    calls: dict[str, Call] = {
        "sum": partial(sum, (1, 2)),
        "crash": _killed,
        "quit": partial(os._exit, 7),
        "refused": _refused,
        "failed": _failed,
        "large": partial(bytes, 5_000_000),
    }
    found = dict(run_apart(calls, jobs=2))
    assert found.keys() == calls.keys()
    assert found["sum"] == 3
    assert len(found["large"]) == 5_000_000
    assert isinstance(found["crash"], ConversionError)
    assert "SIGSEGV" in str(found["crash"])
    assert "exit code 7" in str(found["quit"])
    assert isinstance(found["refused"], GateError)
    assert str(found["refused"]) == "not good enough"
    assert (type(found["failed"]), str(found["failed"])) == (ConversionError, "first line")


def test_what_hangs_is_ended() -> None:
    found = dict(run_apart({"hang": partial(time.sleep, 600), "ok": partial(sum, ())}, 2, 3.0))
    assert found["ok"] == 0
    assert "not converted in 3 s" in str(found["hang"])


def test_what_they_leave_behind_is_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (_, left), *_ = run_apart({"litter": _littering})
    assert tmp_path in Path(left).parents
    assert list(tmp_path.iterdir()) == []
