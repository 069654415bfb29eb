"""How to tune."""

from __future__ import annotations

from dataclasses import dataclass

INPUTS = 512  # for calibration, at most, where nobody says otherwise


@dataclass(frozen=True)
class Settings:
    """The numbers of a run.

    Attributes:
        draw: Inputs that set the ranges.
        draws: How often they are drawn, by leverage and by chance.
        rounds: Turns of five calls to time a mix; the final files take more.
        seed: Decides every random choice.
    """

    draw: int = 64
    draws: int = 5
    rounds: int = 8
    seed: int = 0
