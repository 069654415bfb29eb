"""The model card of a bundle (Mitchell et al., arXiv 1810.03993), from nothing but its manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from models.card_words import TASKS, UNKNOWN
from models.contract import POSE_OUTPUTS, ImagePreprocess, Tensor
from models.manifest import Artefact, Manifest
from models.markdown import percent, table_head, table_row


def card(manifest: Manifest) -> str:
    """The card as Markdown: details, use, limits, metrics, data, for who decides about the model.

    What the manifest does not say is called unknown, not left out. The manifest's own entry for
    the card is not looked at, so a card may be made before it.
    """
    return "".join(f"{_plain(line)}\n" for line in _lines(manifest))


def _lines(m: Manifest) -> Iterator[str]:
    words = TASKS.get(m.task, UNKNOWN)
    yield f"# Model card: {m.name} {m.version}"
    yield ""
    yield (
        "Written by `bombus models card` from `manifest.json`, which says more; do not edit. "
        "Sections follow Mitchell et al., Model Cards for Model Reporting (arXiv 1810.03993)."
    )
    yield from _section("Model details", _details(m))
    yield from _section("Intended use", [f"- For: {words.uses}", f"- Not for: {words.others}"])
    photos = isinstance(m.preprocess, ImagePreprocess)
    limits = [*words.limits, *_rejection(m.artefacts)] if photos else words.limits
    yield from _section("Limits", [f"- {limit}" for limit in limits])
    yield from _section("Metrics", _metrics(m))
    yield from _section("Evaluation data", _evaluation(m))
    yield from _section("Training data", _training(m))
    yield from _section("Other data", _others(m))


def _section(title: str, lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    yield from ("", f"## {title}", "", *lines)


def _details(m: Manifest) -> Iterator[str]:
    source, training = m.source, m.source.training
    yield f"- Task: {m.task}; made {m.created}; licence of the model: {m.license}."
    for side, tensors in (("Takes", m.inputs), ("Gives", m.outputs)):
        yield f"- {side}: {'; '.join(_tensor(t) for t in tensors if not _is_state(m, t))}."
    states = sum(t.feeds is not None for t in m.outputs)
    if states:
        yield f"- It has a memory: {states} of its outputs are inputs of the next call."
    if m.labels:
        yield f"- {len(m.labels)} labels: {', '.join(m.labels)}."
    yield f"- Training recipe: {_recipe(training) or 'unknown'}."
    commit = source.git_commit or training.get("git_commit") or training.get("commit")
    yield f"- Made with: {_told(source.versions) or 'unknown'}; commit {commit or 'unknown'}."
    yield f"- SHA-256 of the Keras model that it was made of: `{source.keras_sha256}`."


def _recipe(training: Mapping[str, Any]) -> str:
    """What it was trained by; of a mean of two runs (`recipe` is the second's), both."""
    if isinstance(average := training.get("average"), Mapping):
        share, runs = _told(average.get("share", "unknown")), _told(average.get("of", ()))
        return f"the mean of two runs' weights, the share of the second {share}: {runs}"
    return _told(training.get("recipe") or training.get("ensemble") or "")


def _is_state(m: Manifest, tensor: Tensor) -> bool:
    feeds = tensor.feeds is not None and tensor.name not in POSE_OUTPUTS
    return feeds or tensor.name in {t.feeds for t in m.outputs}


def _tensor(t: Tensor) -> str:
    limits = f", {t.range[0]:g} to {t.range[1]:g}" if t.range else ""
    units = f", {t.units}" if t.units else ""
    channels = f" ({', '.join(t.channels)})" if t.channels and len(t.channels) <= 16 else ""
    return f"`{t.name}` {t.dtype} {list(t.shape)}, {t.meaning}{units}{limits}{channels}"


def _rejection(artefacts: Sequence[Artefact]) -> Iterator[str]:
    """What becomes of photos of none of the labels."""
    rejections = {r.data: r for a in artefacts if a.calibration and (r := a.calibration.rejection)}
    for r in rejections.values():
        yield (
            'It can answer "none of these": the threshold was fitted with '
            f"{r.n} photos of other things ({r.data}). Some of other things, above all those that "
            "look like a label, still get a sure answer."
        )
    if not rejections:
        yield "It cannot say that it knows none of it: something else gets one of the labels, too."


def _metrics(m: Manifest) -> Iterator[str]:
    if any(a.quality for a in m.artefacts):
        yield (
            "On the evaluation data, in per cent: top-1 with its 95 % interval, macro precision, "
            "recall and F1. Lost: points of top-1 against the Keras model. ECE: 15 bins, after "
            "calibration."
        )
    else:
        yield "No figure of accuracy stands in the manifest."
    yield ""
    yield (
        "Error: root mean square difference of the first output from the Keras model's, as a "
        "fraction of its range. Agreement: the same top class, per cent. Ms: median time of a "
        "call, one thread, where the bundle was made; compare files, not machines."
    )
    if any(a.ways for a in m.artefacts):
        yield (
            "Way apart: the most that a drive localized with the file parted from the same drive "
            "in float64, as a fraction of its length; it says nothing of how true either is."
        )
    if any(a.invariance for a in m.artefacts):
        yield "Unmoved by light: samples that keep their class under every gain tried, per cent."
    yield ""
    rows = [_figures(a) for a in m.artefacts]
    columns = [name for name in _COLUMNS if any(name in row for row in rows)]
    yield from table_head("file", *columns)
    for a, row in zip(m.artefacts, rows, strict=True):
        yield table_row(f"`{a.file}`", *(row.get(name, "") for name in columns))
    if m.default:
        targets = {f: [t for t, file in m.default.items() if file == f] for f in m.default.values()}
        chosen = "; ".join(f"`{file}` on {', '.join(on)}" for file, on in targets.items())
        yield ""
        yield f"Used unless told otherwise: {chosen}."


_COLUMNS = (
    *("MB", "top-1", "95 %", "precision", "recall", "F1", "lost", "ECE"),
    *("error", "agreement", "way apart", "unmoved by light", "ms"),
)


def _figures(a: Artefact) -> dict[str, str]:
    """What is known of an artefact, by column."""
    found = {"MB": f"{a.bytes / 1e6:.2f}"}
    if q := a.quality:
        found |= {
            "top-1": percent(q.top1),
            "95 %": f"{percent(q.top1_interval[0])} to {percent(q.top1_interval[1])}",
            "precision": percent(q.precision),
            "recall": percent(q.recall),
            "F1": percent(q.f1),
            "lost": f"{100 * q.drop:+.2f}",
            "ECE": f"{q.ece:.4f}",
        }
    if p := next(iter(a.parity.values()), None):
        found["error"] = f"{p.rms_error:.1e}"
        if p.agreement is not None:
            found["agreement"] = percent(p.agreement)
    if a.ways:
        found["way apart"] = f"{max(way.apart / way.metres for way in a.ways):.1e}"
    if a.invariance:
        found["unmoved by light"] = percent(a.invariance.unchanged)
    if a.latency:
        found["ms"] = f"{a.latency.median_ms:.3g}"
    return found


def _evaluation(m: Manifest) -> Iterator[str]:
    data, splits = m.source.validation_data, m.source.training.get("data_sha256")
    yield f"- {_told(data) if data else 'Unknown'}."
    for name, n in sorted({(q.data, q.n) for a in m.artefacts if (q := a.quality)}):
        yield f"- Scores are on: {name}, n {n}."
    known = splits if isinstance(splits, Mapping) else {}
    if data.get("sha256") in [digest for split, digest in known.items() if split != "test"]:
        yield (
            "- The training used the same data, to learn from or to choose by: expect a little "
            "less on data that nothing was chosen on."
        )


def _training(m: Manifest) -> Iterator[str]:
    training = m.source.training
    keys = ("data", "data_sha256", "drives")
    told = {key: training[key] for key in keys if training.get(key)}
    yield f"- {_told(told) if told else 'Unknown'}."
    yield f"- Licence or terms of the data: {m.source.data_license or 'not stated'}."


def _others(m: Manifest) -> Iterator[str]:
    for what, data in (
        ("Ranges of 8 bits were set by", m.source.calibration_data),
        ("Photos of other things, for rejection", m.source.unknown_data),
    ):
        if data:
            yield f"- {what}: {_told(data)}."
    fitted = {(c.data, c.n) for a in m.artefacts if (c := a.calibration)}
    for name, n in sorted(fitted):
        yield f"- Confidences were calibrated on: {name}, n {n}."
    if not (m.source.calibration_data or m.source.unknown_data or fitted):
        yield "- None."


def _plain(line: str) -> str:
    """A line that stays one, whatever a stranger's manifest holds, and starts no HTML."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return shown.replace("<", "&lt;")


def _told(value: Any) -> str:
    """A table of the manifest in a line; long lists by their length, hashes by their start."""
    if isinstance(value, Mapping):
        inner = {
            k: f"({_told(v)})" if isinstance(v, Mapping) else _told(v) for k, v in value.items()
        }
        return ", ".join(f"{key} {text}" for key, text in inner.items())
    if isinstance(value, (list, tuple)):
        return f"{len(value)} of them" if len(value) > 8 else " ".join(_told(v) for v in value)
    text = str(value)
    return f"{text[:16]}…" if len(text) == 64 and text.isalnum() else text
