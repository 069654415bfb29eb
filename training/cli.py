"""`bombus train`: every subject brings its own commands."""

from __future__ import annotations

import typer

from training.compression.cli import app as compression
from training.flowers.cli import app as flowers
from training.flowers.sweep_cli import app as sweep
from training.inertial.cli import app as inertial
from training.robustness.cli import app as robustness
from training.spectral.cli import app as spectral

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Train models.")
for commands in (flowers, sweep, compression, robustness, inertial, spectral):
    app.add_typer(commands)
