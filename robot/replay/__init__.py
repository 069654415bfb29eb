"""Replays: what happened in a run, as one picture and as one page that needs nothing else."""

from __future__ import annotations

from robot.replay.page import write_page
from robot.replay.picture import draw_picture
from robot.replay.view import View, make_view

__all__ = ["View", "draw_picture", "make_view", "write_page"]
