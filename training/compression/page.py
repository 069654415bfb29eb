"""The text of the study's page: who won, every figure, and how many channels each layer keeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.markdown import table_head, table_row
from models.metrics import wilson_interval
from training.compression.figure import Point
from training.compression.recipe import METHODS
from training.flowers.light import difference

PICTURE = "compression.png"
NAMES = {
    "uniform": "uniform width",
    "width": "learned widths",
    "refit": "uniform, least squares",
    "convex": "convex pruning",
}

Right = NDArray[np.bool_]  # [seeds, N] whether each photo was recognised
Scored = dict[tuple[str, float], Right]  # by method and fraction


@dataclass(frozen=True)
class Results:
    """A scored study.

    Attributes:
        recipe: Its `recipe.json`.
        cells: Facts of the finished cells.
        name: Of the model that all start from.
        base: [1, N], of that model, with all channels.
        base_macs: Of it.
        after: By method and fraction, fine-tuned.
        before: The same without fine-tuning, which the seed does not change much: one of them.
    """

    recipe: dict[str, Any]
    cells: list[dict[str, Any]]
    name: str
    base: Right
    base_macs: int
    after: Scored
    before: Scored

    @property
    def fractions(self) -> list[float]:
        """The budgets that every method has met."""
        found = {f for _, f in self.after}
        return sorted(f for f in found if all((m, f) in self.after for m in self.methods))

    @property
    def methods(self) -> list[str]:
        """In the order of `METHODS`."""
        return [m for m in METHODS if any(method == m for method, _ in self.after)]

    def mean(self, key: str, method: str, fraction: float) -> float:
        """A fact's mean over seeds."""
        found = [c[key] for c in self.cells if (c["method"], c["fraction"]) == (method, fraction)]
        return float(np.mean(found))


def point(count: float, right: Right) -> Point:
    """Where answers [seeds, N] at so many MACs lie in the picture."""
    top1, n = float(right.mean()), right.shape[1]
    low, high = wilson_interval(round(top1 * n), n)
    return Point(count / 1e6, 100 * top1, 100 * low, 100 * high)


def points(results: Results, method: str, scored: Scored) -> list[Point]:
    """Where a method lies, by rising budget."""
    return [point(results.mean("macs", method, f), scored[method, f]) for f in results.fractions]


def page(results: Results) -> Iterator[str]:
    """The lines of the page."""
    study, how = results.recipe["study"], results.recipe["study"]["compression"]
    training = how["training"]
    size, n = study["image_size"], results.recipe["test"]["n"]
    full = point(results.base_macs, results.base)
    found = [p for m in results.methods for p in points(results, m, results.after)]
    widest = max((p.high - p.low) / 2 for p in found)
    seconds = sum(cell["cpu_seconds"] for cell in results.cells)
    yield "# Fewer channels for a budget of MACs"
    yield ""
    yield (
        "Made by `bombus train compression-study MODEL --data DATA --out RUN` and "
        "`bombus train compression-report RUN --data DATA`; do not edit."
    )
    yield ""
    yield from _verdict(results)
    yield ""
    yield f"![Accuracy against MACs]({PICTURE})"
    yield ""
    yield (
        f"`{results.name}` (SHA-256 `{results.recipe['model_sha256'][:16]}…`), trained on with "
        f"{study['start']} photos at {size} px, recognises {full.top1:.2f} % ({full.low:.2f} to "
        f"{full.high:.2f}) of {n} test photos at {full.millions:.1f} million MACs. From there each "
        f"model learns from {training['photos']} photos in all, so few that it matters where it "
        f"starts; learned widths give {how['search']:.0%} of them for the search. "
        f"All layers are trained, with Adam at {training['learning_rate']:g}, "
        f"{training['batch']} photos a step. Widths are multiples of {how['multiple']}. "
        "All choices were made on other photos than the test ones, whose scores of uniform widths "
        "and convex pruning had been seen when least squares were added "
        f"(SHA-256 `{results.recipe['test']['sha256'][:16]}…`)."
    )
    yield ""
    yield "## After fine-tuning"
    yield ""
    yield (
        "Top-1 in per cent, of one seed, or the mean over several and their range; differences to "
        "uniform width in points, on the same photos, with the 95 % interval over photos, which "
        f"says nothing of seeds. One figure's own interval is at most ±{widest:.1f}."
    )
    yield ""
    yield from _table(results)
    yield ""
    yield "## Without any training"
    yield ""
    yield (
        "Channels dropped, batch normalisation measured anew on 256 training photos, and nothing "
        "else. Convex pruning, and *least squares* at uniform widths, fit what reads the channels "
        "that stay to its old answers; the other two keep their kernels, so that between them only "
        "the choice of widths counts."
    )
    yield ""
    yield from _table_before(results)
    yield ""
    yield "## Who keeps how many channels"
    yield ""
    yield from _widths(results)
    yield ""
    yield from _why(results)
    yield "## The methods"
    yield ""
    yield from _METHODS.splitlines()
    yield ""
    versions, commit = results.cells[0]["packages"], results.cells[0]["commit"]
    yield (
        f"{len(results.cells)} models, made in {seconds / 60:.0f} CPU minutes on one core, with "
        f"keras {versions['keras']}, tensorflow {versions.get('tensorflow', '-')}, commit "
        f"`{commit[:12]}{'+dirty' * commit.endswith('+dirty')}`."
    )


def _verdict(results: Results) -> Iterator[str]:
    if not {"width", "uniform"} <= set(results.methods):
        yield "Only some of the methods have run."
        return
    for scored, when in ((results.after, "After fine-tuning"), (results.before, "Without it")):
        apart = {f: _apart(scored, "width", f) for f in results.fractions}
        above = [f for f, (mean, _, _) in apart.items() if mean > 0]
        surely = [f for f, (_, low, _) in apart.items() if low > 0]
        yield (
            f"**{when}, learned widths lie above uniform width at {len(above)} of {len(apart)} "
            f"budgets{_list(above)}; beyond chance at {len(surely)}{_list(surely)}.**"
        )


def _list(fractions: Sequence[float]) -> str:
    return f" ({', '.join(f'{f:g}' for f in fractions)} of the MACs)" if fractions else ""


def _apart(scored: Scored, method: str, fraction: float) -> tuple[float, float, float]:
    return difference(scored[method, fraction], scored["uniform", fraction])


def _gap(scored: Scored, method: str, fraction: float) -> str:
    if ("uniform", fraction) not in scored:
        return "-"
    middle, low, high = _apart(scored, method, fraction)
    return f"{100 * middle:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"


def _table(results: Results) -> Iterator[str]:
    others = [m for m in results.methods if m != "uniform"]
    head = [
        "budget",
        *(f"{NAMES[m]}: MACs" for m in results.methods),
        *(NAMES[m] for m in results.methods),
        *(f"{NAMES[m]} − uniform" for m in others),
    ]
    yield from table_head(*head)
    for f in results.fractions:
        shares = [f"{100 * results.mean('share', m, f):.1f} %" for m in results.methods]
        scored = [results.after[m, f] for m in results.methods]
        gaps = [_gap(results.after, m, f) for m in others]
        yield table_row(f"{f:g}", *shares, *map(_percent, scored), *gaps)


def _table_before(results: Results) -> Iterator[str]:
    others = [m for m in results.methods if m != "uniform"]
    names = [NAMES[m] for m in results.methods]
    yield from table_head("budget", *names, *(f"{NAMES[m]} − uniform" for m in others))
    for f in results.fractions:
        scored = [results.before[m, f] for m in results.methods]
        gaps = [_gap(results.before, m, f) for m in others]
        yield table_row(f"{f:g}", *map(_percent, scored), *gaps)


def _widths(results: Results) -> Iterator[str]:
    shown = [
        (f, m, next(c for c in results.cells if (c["method"], c["fraction"]) == (m, f)))
        for f in results.fractions
        for m in results.methods
    ]
    layers = list(shown[0][2]["widths"])
    yield from table_head("budget", "", *(f"`{name}`" for name in layers), "parameters")
    for f, method, cell in shown:
        widths = [str(cell["widths"][name]) for name in layers]
        yield table_row(f"{f:g}", NAMES[method], *widths, f"{cell['parameters'] / 1e6:.2f} M")


def _why(results: Results) -> Iterator[str]:
    """What kernels gain and what the choice of channels gains, where all methods have run."""
    if set(results.methods) != set(METHODS):
        return
    fractions = results.fractions
    kernels = [100 * _apart(results.before, "refit", f)[0] for f in fractions]
    both = [100 * _apart(results.before, "convex", f)[0] for f in fractions]
    chosen = [b - k for b, k in zip(both, kernels, strict=True)]
    cells = {
        c["method"]: c for c in results.cells if (c["fraction"], c["seed"]) == (fractions[0], 0)
    }
    uniform, convex = (np.array(list(cells[m]["widths"].values())) for m in ("uniform", "convex"))
    near = int(np.sum(np.abs(np.log(convex / uniform)) < np.log(1.25)))
    budgets = ", ".join(f"{f:g}" for f in fractions)
    yield (
        "Learned widths keep the kernels, and noise says what a channel is worth to kernels as "
        "they are, not whether others could stand in for it. Kernels are where more is to be "
        f"gained. Without any training, at {budgets} of the MACs, fitting them by least squares at "
        f"uniform widths gives {_signed(kernels)} points, and choosing channels and widths by "
        f"convex pruning as well {_signed(chosen)} more; of its {len(uniform)} widths at "
        f"{fractions[0]:g}, {near} are within a quarter of the uniform ones."
    )
    yield ""


def _signed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:+.1f}" for value in values)


def _percent(right: Right) -> str:
    each = 100 * right.mean(axis=1)
    spread = f" ({len(each)} seeds: {each.min():.2f} to {each.max():.2f})" if len(each) > 1 else ""
    return f"{each.mean():.2f}{spread}"


_METHODS = """\
*Uniform width* keeps the same share of every layer's channels, those whose loss changes the next
layer's answers most (deviation on training photos times the norm of what reads them).

*Learned widths* (`training/compression/width.py`) rest on the layer of arXiv 2601.13704 (Gomez and
Backstrom, for speech models; of it the abstract and a review that gives the equations were read,
not its tables): `training/layers/feature_noise.py`, where channels stand in the order of their
worth, those behind a share of them fade into noise of the same mean and deviation, and the share
is a weight. Here noise is put into one group of channels at a time of the trained network, at six
shares; of its answers to 40 training photos, whose squared correlation with those of all channels
is r, -log r is lost. The group gives way that loses least for the MACs it saves, until the rest is
within the budget. What is measured serves all budgets: 40 x 71 forward passes, about what three of
them give for the search at a third of a training step each. The paper instead trains shares and
kernels together by gradient, with the MACs in the loss. Three such ways were tried at these few
steps, and judged on the val photos: kernels and shares together; shares alone, by the slope of the
cross-entropy; and by its rise. At 0.25 all did worse (by the trials' logs; no command repeats
them): the slope to a share, through noise, varied from step to step by several times its mean, so
that shares wandered, and a cross-entropy that saturates rather ruins one layer than hurts two.

*Uniform, least squares* keeps the channels of uniform width and fits what reads them to its old
answers, as convex pruning does.

*Convex pruning* (`training/compression/prune.py`) ranks the inputs of every 1x1 and dense layer by
a group lasso on its trained answers, keeps as many as one bound on the relative error of all layers
allows, and fits what reads them by least squares. It needs photos but neither labels nor
gradients. Unstructured sparsity, as in Net-Trim itself, is not offered: LiteRT and ONNX Runtime
multiply by zeros as by other numbers, so it would save no MAC of an exported model.

A dropped channel is taken for its mean, which goes into the next batch normalisation or bias, so
that dropping one that is constant changes no answer."""
