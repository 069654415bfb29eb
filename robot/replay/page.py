"""The page of a replay: one HTML file that asks nothing of any network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.files import write_text
from robot.lie import Array
from robot.replay.view import NOTE, Panel, View

_HERE = Path(__file__).parent


def write_page(view: View, path: Path) -> None:
    """Write the page of a replay.

    Raises:
        InputError: The place cannot be written.
    """
    write_text(path, page(view))


def page(view: View) -> str:
    """The page's text."""
    style, *scripts = (
        (_HERE / name).read_text("utf-8") for name in ("page.css", "plot.js", "page.js")
    )
    script = "\n".join(scripts)
    facts = "\n".join(
        f'<tr><th scope="row">{html.escape(fact.what)}</th><td>{html.escape(fact.value)}</td>'
        f"<td>{html.escape(fact.meaning)}</td></tr>"
        for fact in view.facts
    )
    # `<` could end the element that holds the data.
    data = json.dumps(_data(view), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return Template((_HERE / "page.html").read_text("utf-8")).substitute(
        # Whatever a name may smuggle in, the browser runs and loads only what is ours.
        policy=f"default-src 'none'; img-src data:; style-src {_hash(style)}; "
        f"script-src {_hash(script)}",
        name=html.escape(view.name),
        style=style,
        script=script,
        facts=facts,
        note=html.escape(NOTE),
        last=len(view.times) - 1,
        data=data,
    )


def _hash(text: str) -> str:
    """How a policy names an inline style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _data(view: View) -> dict[str, Any]:
    return {
        "times": _rounded(view.times),
        "distances": _rounded(view.distances),
        "headings": _rounded(view.headings),
        "way": _plan(view.way),
        "truth": None if view.true_way is None else _plan(view.true_way),
        "panels": [_panel(panel) for panel in view.panels],
        "raster": None if view.raster is None else _raster(view.raster),
        "health": {
            name.lower().replace("_", " "): _runs(rows) for name, rows in view.health.items()
        },
    }


def _panel(panel: Panel) -> dict[str, Any]:
    return vars(panel) | {
        "lines": [vars(line) | {"values": _figures(line.values)} for line in panel.lines],
        "bands": [
            vars(band) | {"low": _figures(band.low), "high": _figures(band.high)}
            for band in panel.bands
        ],
    }


def _plan(way: Array) -> dict[str, list[float | None]]:
    return {"x": _rounded(way[:, 0]), "y": _rounded(way[:, 1])}


def _rounded(values: Array) -> list[float | None]:
    """To millimetres, milliseconds or milliradians."""
    return [round(x, 3) if math.isfinite(x) else None for x in values.tolist()]


def _figures(values: Array) -> list[float | None]:
    """To five figures."""
    return [float(f"{x:.5g}") if math.isfinite(x) else None for x in values.tolist()]


def _raster(raster: Array) -> dict[str, Any]:
    """Shares as bytes, 255 for the largest of nearly all."""
    top = max(float(np.quantile(raster, 0.99)), 1e-9)
    shares = (255 * np.clip(raster / top, 0, 1)).round().astype(np.uint8)
    neurons, bins = raster.shape
    return {
        "neurons": neurons,
        "bins": bins,
        "top": top,
        "mean": float(raster.mean()),
        "shares": base64.b64encode(shares.tobytes()).decode(),
    }


def _runs(rows: NDArray[np.bool_]) -> list[list[int]]:
    """First and last row of each stretch that is true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], rows, [False]))))
    return [[int(a), int(b) - 1] for a, b in edges.reshape(-1, 2)]
