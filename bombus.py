"""The `bombus` command: mounts the groups of each package, and turns errors into one line.

Groups are imported when they are called, so that `bombus models` starts in a blink and works
where no TensorFlow is installed.

Exit codes: 0 ok, 1 internal error, 2 usage or bad input, 3 conversion failed, 4 parity or quality
gate failed, 5 size or latency budget exceeded, 6 integrity check failed.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from models.errors import BombusError, InputError

# Their modules import nothing heavy, so that --help works on a slim install.
GROUPS = {
    "train": "training.cli",
    "export": "export.cli",
    "app": "edge_app.cli",
    "robot": "robot.cli",
    "models": "models.cli",
    "demo": "export.demo",
}


INTERRUPTED = 130  # what typer makes of Ctrl-C


class LazyGroups(TyperGroup):
    """A command group whose members are imported on first use."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, without importing anything."""
        return list(GROUPS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import one group; None for an unknown name."""
        if cmd_name not in GROUPS:
            return None
        group: typer.Typer = importlib.import_module(GROUPS[cmd_name]).app
        command = typer.main.get_command(group)
        command.name = cmd_name
        return _followed_by_robot(command) if cmd_name == "demo" else command


def _followed_by_robot(demo: Any) -> Any:
    """The demo shows two floors of the house, neither of which may know the other."""
    flowers = demo.callback

    def both(**options: Any) -> None:
        flowers(**options)
        importlib.import_module("robot.demo").show()

    demo.callback = both
    return demo


app = typer.Typer(
    cls=LazyGroups,
    no_args_is_help=True,
    add_completion=False,
    help="Small trained models on phones and robots.",
)


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what is done.")] = False,
) -> None:
    """Small trained models on phones and robots."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(message)s")
    if version:
        typer.echo(importlib.metadata.version("bombus"))


def run(arguments: Sequence[str]) -> int:
    """Run one command line in this process; returns its exit code.

    A user's mistake prints one line on standard error. `BOMBUS_DEBUG=1` shows tracebacks.
    """
    try:
        result = typer.main.get_command(app).main(
            args=list(arguments), prog_name="bombus", standalone_mode=False
        )
        code = result if isinstance(result, int) else 0
        message = "interrupted; run the same command again to go on" if code == INTERRUPTED else ""
    except Exception as error:
        if os.environ.get("BOMBUS_DEBUG") == "1":
            traceback.print_exc()
        message, code = _explain(error)
    if message:
        typer.echo(f"bombus: {' '.join(message.split())}", err=True)
    return code


def _explain(error: Exception) -> tuple[str, int]:
    """One line for a person, and the exit code."""
    if isinstance(error, BombusError):
        return str(error), error.exit_code
    if isinstance(error, typer.TyperException):
        said = error.format_message()  # empty where the help was shown instead
        return (f"{said} (try --help)" if said else ""), InputError.exit_code
    if isinstance(error, OSError):
        return f"{error.filename or 'system'}: {error.strerror or error}", InputError.exit_code
    if isinstance(error, ModuleNotFoundError):
        return (
            f"this needs the package {error.name!r}, which is not installed; "
            "pip install 'bombus[train,export,app,robot]'"
        ), InputError.exit_code
    return f"internal error: {type(error).__name__}: {error} (BOMBUS_DEBUG=1 shows more)", 1


def silence_native_code() -> None:
    """Keep the chatter of C++ libraries off the terminal; Python's own stderr stays.

    TensorFlow and LiteRT write notes on the processor to file descriptor 2, whatever the log level.
    """
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="replace")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    os.close(silence)


def main() -> None:
    """The console script."""
    if os.environ.get("BOMBUS_DEBUG") != "1":
        silence_native_code()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
