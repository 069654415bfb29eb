"""What differs between two bundles, for `bombus export diff`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from export.inspection.look import look_at
from models.bundle import Bundle
from models.contract import to_json
from models.manifest import Artefact

# Of the contract: a new export always has another.
_PASSING = {"created", "version", "name"}


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes:
        part: `contract`, or the kind of artefact it is about, such as `tflite f32`.
        what: Such as `labels`, `operations`, `top-1 %`.
        before: In the first bundle; None where it is not there.
        after: In the second.
    """

    part: str
    what: str
    before: Any
    after: Any

    def __str__(self) -> str:
        """One line."""
        return f"{self.part}: {self.what}: {_shown(self.before)} -> {_shown(self.after)}"

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def differences(before: Bundle, after: Bundle) -> list[Change]:
    """Compare two bundles; artefacts are paired by format and scheme.

    Both are verified first, so that what is compared is what the manifests tell.

    Raises:
        IntegrityError: A file is not what its manifest says, or cannot be taken apart.
    """
    absent = {*before.verify(), *after.verify()}
    found = list(_contracts(before, after))
    kinds = [{(a.format, a.scheme): a for a in b.manifest.artefacts} for b in (before, after)]
    for kind in sorted({*kinds[0], *kinds[1]}):
        part = " ".join(kind)
        old, new = (k.get(kind) for k in kinds)
        if old is None or new is None:
            found.append(Change(part, "artefact", old and old.file, new and new.file))
            continue
        found += _figures(part, old, new)
        if old.sha256 != new.sha256 and not {old.file, new.file} & absent:
            found += _graphs(part, before, old, after, new)
    return found


def _contracts(before: Bundle, after: Bundle) -> Iterator[Change]:
    old, new = (json.loads(to_json(b.manifest.contract())) for b in (before, after))
    for key in sorted({*old, *new} - _PASSING):
        if old.get(key) != new.get(key):
            yield Change("contract", key, old.get(key), new.get(key))


def _figures(part: str, old: Artefact, new: Artefact) -> Iterator[Change]:
    """Size, quality and speed, in the units that people quote."""
    for (what, before), (_, after) in zip(_told(old), _told(new), strict=True):
        if before != after:
            yield Change(part, what, before, after)


def _told(a: Artefact) -> Iterator[tuple[str, Any]]:
    quality, latency = a.quality, a.latency
    parity = next(iter(a.parity.values()), None)
    yield "MB", round(a.bytes / 1e6, 3)
    yield "top-1 %", quality and round(100 * quality.top1, 2)
    yield "F1 %", quality and round(100 * quality.f1, 2)
    yield "ECE", quality and round(quality.ece, 4)
    yield "RMS error", parity and float(f"{parity.rms_error:.2g}")
    yield "median ms", latency and latency.median_ms
    yield "calibration", a.calibration and a.calibration.model_dump(mode="json")


def _graphs(
    part: str, before: Bundle, old: Artefact, after: Bundle, new: Artefact
) -> Iterator[Change]:
    one, other = (look_at(b.path / a.file).anatomy for b, a in ((before, old), (after, new)))
    for name in sorted({*one.ops, *other.ops}):
        counts = one.ops.get(name, 0), other.ops.get(name, 0)
        if counts[0] != counts[1]:
            yield Change(part, name, *counts)
    for what in ("made_by", "needs", "inputs", "outputs"):
        said, says = getattr(one, what), getattr(other, what)
        if said != says:
            texts = (", ".join(map(str, v)) if isinstance(v, tuple) else v for v in (said, says))
            yield Change(part, what.replace("_", " "), *texts)
    if one == other:
        yield Change(part, "weights", old.sha256[:12], new.sha256[:12])


def _shown(value: Any) -> str:
    text = "nothing" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
