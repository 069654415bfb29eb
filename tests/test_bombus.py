"""The command itself: its groups, its help, and one line for every mistake."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from bombus import GROUPS, app
from models import errors

ROOT = Path(__file__).parents[1]
Bombus = Callable[..., tuple[int, str, str]]


def verbs() -> Iterator[tuple[str, ...]]:
    """Every command that does something, as words."""
    root: Any = typer.main.get_command(app)
    for group in GROUPS:
        members = getattr(root.get_command(None, group), "commands", None)
        yield from [(group, verb) for verb in members] if members else [(group,)]


@pytest.fixture
def failing(bombus: Bombus, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Run a command that raises what is given."""

    def call(error: BaseException) -> tuple[int, str, str]:
        group = typer.Typer()

        @group.command()
        def fail() -> None:
            raise error

        monkeypatch.setitem(sys.modules, "failing_group", SimpleNamespace(app=group))
        monkeypatch.setitem(GROUPS, "fail", "failing_group")
        return bombus("fail")

    monkeypatch.delenv("BOMBUS_DEBUG", raising=False)
    return call


def test_help_lists_the_groups(bombus: Bombus) -> None:
    code, out, err = bombus("--help")
    assert (code, err) == (0, "")
    for group in GROUPS:
        assert f" {group} " in out
    assert "install-completion" not in out


def test_nothing_said_shows_the_help(bombus: Bombus) -> None:
    code, out, _ = bombus()
    assert code == 2
    assert "Usage: bombus" in out


@pytest.mark.parametrize("words", list(verbs()), ids=" ".join)
def test_every_verb_has_help_with_an_example(bombus: Bombus, words: tuple[str, ...]) -> None:
    code, out, err = bombus(*words, "--help")
    assert (code, err) == (0, "")
    assert f"Usage: bombus {' '.join(words)}" in out
    assert f"Example: bombus {' '.join(words)}" in " ".join(out.split())


def test_version(bombus: Bombus) -> None:
    assert bombus("--version") == (0, f"{importlib.metadata.version('bombus')}\n", "")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["fly"], "'fly'"),
        (["models", "fly"], "'fly'"),
        (["--fly"], "--fly"),
        (["models", "show", "--fly"], "--fly"),
        (["models", "show", "a", "b"], "b"),
        (["app", "classify"], "'photos'"),
        (["app", "classify", "x.jpg", "--top", "many"], "--top': Input should be a valid integer"),
        (["app", "classify", "x.jpg", "--top", "0"], "greater than or equal to 1"),
        (["export", "convert", "x.keras"], "--validate"),
        (["train", "flowers", "--data"], "--data"),
    ],
)
def test_a_wrong_usage_exits_2_in_a_line(bombus: Bombus, words: list[str], what: str) -> None:
    code, out, err = bombus(*words)
    assert (code, out) == (2, "")
    assert err.startswith("bombus: ")
    assert what in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (errors.InputError, 2),
        (errors.ConversionError, 3),
        (errors.GateError, 4),
        (errors.BudgetError, 5),
        (errors.IntegrityError, 6),
    ],
)
def test_errors_for_people_have_their_exit_codes(
    failing: Callable[..., tuple[int, str, str]], kind: type[errors.BombusError], expected: int
) -> None:
    assert failing(kind("roses: 3\n  are  red")) == (expected, "", "bombus: roses: 3 are red\n")


def test_an_internal_error_exits_1_in_a_line(
    failing: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = failing(RuntimeError("two\nlines"))
    assert (code, out) == (1, "")
    assert err == "bombus: internal error: RuntimeError: two lines (BOMBUS_DEBUG=1 shows more)\n"
    monkeypatch.setenv("BOMBUS_DEBUG", "1")
    code, _, err = failing(RuntimeError("two\nlines"))
    assert code == 1
    assert err.startswith("Traceback (most recent call last)")
    assert "in fail" in err


@pytest.mark.parametrize("debug", ["0", ""])
def test_debug_is_only_1(
    failing: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, debug: str
) -> None:
    monkeypatch.setenv("BOMBUS_DEBUG", debug)
    assert "Traceback" not in failing(RuntimeError("x"))[2]


def test_a_mistake_shows_its_traceback_too(
    failing: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOMBUS_DEBUG", "1")
    code, _, err = failing(errors.InputError("roses"))
    assert code == 2
    assert "Traceback" in err
    assert err.endswith("bombus: roses\n")


def test_a_missing_package_is_named(failing: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = failing(ModuleNotFoundError("No module named 'keras'", name="keras"))
    assert (code, out) == (2, "")
    assert "needs the package 'keras'" in err
    assert "pip install 'bombus[" in err
    assert err.count("\n") == 1


def test_an_interrupt_exits_130(failing: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = failing(KeyboardInterrupt())
    assert (code, out) == (130, "")
    assert "Traceback" not in err


def test_an_exit_code_of_a_command_is_kept(failing: Callable[..., tuple[int, str, str]]) -> None:
    assert failing(typer.Exit(5)) == (5, "", "")


@pytest.mark.parametrize("debug", ["0", "1"])
def test_as_a_process(debug: str) -> None:
    def start(*words: str) -> tuple[int, str, str]:
        environment = os.environ | {"BOMBUS_DEBUG": debug}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "bombus", *words],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    assert start("--version") == (0, f"{importlib.metadata.version('bombus')}\n", "")
    code, out, err = start("fly")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("bombus: No such command 'fly'")
    assert ("Traceback" in err) == (debug == "1")
