"""The picture of a search: every mix by its latency and error, the Pareto front among them."""

from __future__ import annotations

from pathlib import Path

from export.tuning.outcome import Found
from export.tuning.trial import front


def draw_front(found: Found, path: Path) -> None:
    """Error over latency, both as multiples; the area of a disc is the file's size.

    Args:
        found: Of one format.
        path: PNG to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axis = figure.add_subplot()
    for trials, alpha, label in (
        (found.trials, 0.25, "mixes"),
        (front(found.trials), 0.8, "on the Pareto front (with size)"),
    ):
        axis.scatter(
            [t.ratio for t in trials],
            [t.error for t in trials],
            [90 * t.size / found.float_size for t in trials],
            "#3b6fb5",
            alpha=alpha,
            lw=0,
            label=label,
        )
    marked = [("plain 8 bits", found.alone[0], "#555555")]
    if found.chosen is not None and found.chosen.groups:
        count = f"{len(found.chosen.spared)} of {found.operations} operations in float"
        marked.append((f"chosen: {count}", found.chosen, "#d98c00"))
    for text, trial, colour in marked:
        axis.scatter(trial.ratio, trial.error, 60, marker="D", color=colour)
        axis.annotate(
            text,
            (trial.ratio, trial.error),
            xytext=(8, 8),
            textcoords="offset points",
            fontsize=8,
            color=colour,
        )
    axis.axvline(found.limit, color="grey", ls="--", lw=1)
    axis.text(found.limit, 0, " latency limit", fontsize=8, color="grey", va="bottom")
    if max(t.error for t in found.trials) > 1:
        axis.axhline(1, color="grey", ls=":", lw=1, label="error allowed")
    axis.legend(fontsize=8, loc="upper center")
    axis.set_xlabel(f"median latency, {found.model_format}, multiple of float's")
    axis.set_ylabel("error on selection data, of what the gate allows")
    axis.margins(x=0.15, y=0.3)
    axis.set_ylim(bottom=0)
    figure.savefig(path, dpi=120)
