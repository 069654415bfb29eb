"""How a sweep's trials were trained, for its page: start weights, and the learning rates tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from models.markdown import percent, table_head, table_row

Cell = dict[str, Any]  # a trial's record


def starts(cells: Sequence[Cell]) -> Iterator[str]:
    """What each backbone started from, those that began alike once.

    Args:
        cells: Records of trained trials.
    """
    yield from ("## What each started from", "")
    heads = ("weights", "fresh layers", "tuned from", "views", "px", "parameters", "epochs")
    yield from table_head("backbone", *heads)
    rows = []
    for cell in cells:
        recipe, fresh = cell["how"]["recipe"], cell["fresh_layers"]
        tuning = recipe["fine_tune"]["epochs"]
        rows.append(
            table_row(
                f"{recipe['backbone']}, {recipe['pooling']}",
                str(recipe["weights"]),
                ", ".join(fresh) or ("all" if recipe["weights"] == "none" else "none"),
                (recipe["unfreeze_from"] or "the first layer") if tuning else "–",
                str(recipe.get("views") or "new ones") if tuning else "–",
                str(recipe["image_size"]),
                str(cell["parameters"]),
                f"{recipe['head']['epochs']} + {tuning}",
            )
        )
    yield from dict.fromkeys(rows)
    yield ""
    yield (
        "Tuned from: the layer that fine-tuning begins with. Views: how many augmented ones of "
        "each photo fine-tuning learns from. Epochs: of the classifier alone, and of fine-tuning."
    )
    yield ""
    yield from dict.fromkeys(_own_start(cell) for cell in cells if cell.get("start"))


def _own_start(cell: Cell) -> str:
    """How a start came to be that runs of ours made."""
    recipe = cell["how"]["recipe"]
    return (
        f"{recipe['backbone']}'s `{recipe['weights']}` is of our own making (`bombus train "
        f"flowers`): {'; then '.join(_runs(cell['start']))}.\n"
    )


def _runs(last: dict[str, Any]) -> Iterator[str]:
    """What each run did, from the first to the last."""
    how = last["recipe"]
    if last["start"]:
        yield from _runs(last["start"])
        before = ""
    else:
        before = f"from {'nothing' if how['weights'] == 'none' else how['weights']}, "
    teacher, more = how["distill"]["teacher"], how["distill"]["unlabelled"]
    learned = f"the training photos and those of `{more}`" if more else "the training photos"
    yield (
        f"{before}{how['head']['epochs']} + {how['fine_tune']['epochs']} epochs of {learned} at "
        f"{how['image_size']} px{f', taught by `{teacher}`' if teacher else ''} "
        f"({last['minutes']:.0f} minutes, {percent(last['val'])} % on val)"
    )


def rates(searches: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What each search tried, and chose.

    Args:
        searches: The record of each (`training.flowers.rates`).
    """
    if not searches:
        return
    yield from ("## Learning rates", "")
    yield (
        "Top-1 on val in per cent by rate: of the classifier alone (head), and of fine-tuning, "
        "which began with the best of these. For each optimizer the same factors of its documented "
        "rate and the same few epochs (`training.flowers.rates`)."
    )
    yield ""
    yield from table_head("backbone", "optimizer", "stage", "tried", "chosen")
    for network, stage, record in (
        (f"{one['backbone']}, {one['pooling']}", *pair)
        for one in searches
        for pair in one["stages"].items()
    ):
        tried = ", ".join(
            f"{one['rate']:g}: "
            + ("diverged" if one["val_loss"] is None else percent(one["val_accuracy"]))
            for one in record["tried"]
        )
        rates_tried = [one["rate"] for one in record["tried"]]
        ends = (min(rates_tried), max(rates_tried))
        edge = ", at the end of what was tried" if record["chosen"] in ends else ""
        yield table_row(network, record["optimizer"], stage, tried, f"{record['chosen']:g}{edge}")
    yield ""
