"""A look at the calibration data before they set the ranges of 8 bits.

Whatever they lack, the quantizer never sees: ranges too narrow cut values off, ranges too wide
leave few of the 256 levels to what is common. And what the quantizer saw must judge nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError

FEW = 32  # fewer samples leave ranges to chance
IMBALANCE = 5.0  # largest over smallest class
LEAST_USE = 1 / 3  # of the declared range, by the whole set
FLAT = 0.01  # of what the set spans: a photo or series that varies less shows nothing
ROUNDING = 1e-6  # of the declared range, which float32 data may overstep
EXAMPLES = 5  # names or places that a line gives

Range = tuple[float, float]
Ranges = Mapping[str, Range | None]


@dataclass(frozen=True)
class Finding:
    """Something wrong: what, the value, the limit, what to do."""

    severity: Literal["refuse", "warn"]
    line: str


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        findings: What is wrong.
        record: What is told of the data in the manifest; plain JSON.
    """

    findings: tuple[Finding, ...]
    record: dict[str, Any]

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why the data cannot be used, if they cannot."""
        return tuple(f.line for f in self.findings if f.severity == "refuse")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before trusting what is made with them."""
        return tuple(f.line for f in self.findings if f.severity == "warn")

    def refuse(self) -> None:
        """Raise `InputError`, in one line, where the data cannot be used."""
        if self.refusals:
            raise InputError(f"calibration data: {'; '.join(self.refusals)}")

    def lines(self) -> list[str]:
        """For people."""
        classes = self.record.get("classes", {})
        ends = f", {len(classes)} classes of {_ends(classes.values())}" if classes else ""
        lines = [f"calibration: {self.record['n']} samples{ends}"]
        for name, found in self.record["inputs"].items():
            declared = found["declared"]
            of = f", declared {_ends(declared)}" if declared else ""
            lines.append(f"{name}: {_ends((found['least'], found['greatest']))}{of}")
        lines += [f"warning: {line}" for line in self.warnings]
        return lines + [f"refused: {line}" for line in self.refusals]


def audit(
    values: Mapping[str, NDArray[Any]],
    ranges: Ranges,
    digests: Sequence[str],
    held_out: Mapping[str, Collection[str]],
    *,
    targets: NDArray[np.integer[Any]] | None = None,
    labels: Sequence[str] = (),
) -> Audit:
    """Audit calibration data.

    Args:
        values: [N, ...] by input, in the units that the contract declares. Photos and series have
            three axes or more, the last of them channels; what has two is a row of features.
        ranges: Declared least and greatest value by input; every input of the model, and no other.
        digests: [N] what tells samples apart, such as the SHA-256 of each file.
        held_out: The digests of sets that judge, such as validation and test, by their name.
        targets: [N] indices into `labels`, where classes are known.
        labels: All classes of the model.

    Raises:
        ValueError: A target is not an index into the labels.
    """
    n = len(digests)
    findings = [*_count(n), *_names(values.keys(), ranges.keys())]
    record: dict[str, Any] = {"distinct": len(set(digests)), "inputs": {}, "n": n}
    for name in [name for name in ranges if name in values and n]:
        array, declared = values[name], ranges[name]
        if len(array) != n:
            line = f"{name}: {len(array)} values for {n} samples; give one for each"
            findings.append(Finding("refuse", line))
            continue
        findings += (Finding(f.severity, f"{name}: {f.line}") for f in _input(array, declared))
        record["inputs"][name] = _extent(array) | {"declared": list(declared) if declared else None}
    extents = [(found["least"], found["greatest"]) for found in record["inputs"].values()]
    if extents and all(least == greatest is not None for least, greatest in extents):
        findings.append(Finding("refuse", "no input varies; give samples that differ"))
    findings += _copies(digests)
    findings += _overlaps(digests, held_out)
    if targets is not None and n:
        counts = np.bincount(targets, minlength=len(labels)).tolist()
        classes = dict(zip(labels, counts, strict=True))
        findings += _balance(classes)
        record["classes"] = classes
    audited = Audit(tuple(findings), record)
    record["warnings"] = list(audited.warnings)
    return audited


def not_finite(array: NDArray[Any]) -> str:
    """Which samples of an input [N, ...] have NaN or infinity, and what to do; empty for none."""
    bad = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
    if not bad.size:
        return ""
    where = f"{bad.size} samples have NaN or infinity, at {_some(bad.tolist())}"
    return f"{where}; mend or remove them"


def _count(n: int) -> Iterator[Finding]:
    if n == 0:
        yield Finding("refuse", "no samples; give some like those that the model will see")
    elif n < FEW:
        yield Finding("warn", f"{n} samples, fewer than {FEW} leave ranges to chance; give more")


def _names(given: Collection[str], wanted: Collection[str]) -> Iterator[Finding]:
    takes = _some(sorted(wanted))
    if missing := sorted(set(wanted) - set(given)):
        yield Finding("refuse", f"nothing for {_some(missing)}; the model takes {takes}")
    if unknown := sorted(set(given) - set(wanted)):
        yield Finding("refuse", f"no input is called {_some(unknown)}; the model takes {takes}")


def _input(array: NDArray[Any], declared: Range | None) -> Iterator[Finding]:
    """What is wrong with the values [N, ...] of one input."""
    if bad := not_finite(array):
        yield Finding("refuse", bad)
        return
    least, greatest = _span(array)
    if least == greatest:
        yield Finding("warn", f"always {least:g}; give values that vary")
        return
    low, high = declared or (least, greatest)
    slack = ROUNDING * (high - low)
    if least < low - slack or greatest > high + slack:
        line = f"{_ends((least, greatest))} leaves the declared {_ends((low, high))}"
        yield Finding("refuse", f"{line}; give values in the contract's units")
    elif (used := (greatest - least) / (high - low)) < LEAST_USE:
        line = f"{_ends((least, greatest))} is {100 * used:.1f} % of the declared"
        advice = "check the units, or give samples that vary more"
        yield Finding("warn", f"{line} {_ends((low, high))}, under a third; {advice}")
    yield from _flat(array, FLAT * (greatest - least))


def _flat(array: NDArray[Any], least: float) -> Iterator[Finding]:
    """Photos and series that vary by less than `least`; features that never change."""
    if array.ndim < 3:
        features = array.reshape(len(array), -1)
        stuck = np.flatnonzero((features == features[0]).all(axis=0))
        if stuck.size:
            line = f"{stuck.size} of {features.shape[1]} values never change, at"
            yield Finding(
                "warn", f"{line} {_some(stuck.tolist())}; give samples that differ in them"
            )
        return
    inner = tuple(range(1, array.ndim - 1))
    top, bottom = array.max(axis=inner).astype(np.float64), array.min(axis=inner)
    flat = np.flatnonzero(((top - bottom) < least).all(axis=-1))
    if flat.size:
        line = f"{flat.size} of {len(array)} samples are constant but for {100 * FLAT:g} %, at"
        yield Finding("warn", f"{line} {_some(flat.tolist())}; remove them")


def _copies(digests: Sequence[str]) -> Iterator[Finding]:
    if copies := len(digests) - len(set(digests)):
        yield Finding(
            "warn", f"{copies} of {len(digests)} samples are copies of others; remove them"
        )


def _overlaps(digests: Sequence[str], held_out: Mapping[str, Collection[str]]) -> Iterator[Finding]:
    for name, others in held_out.items():
        if shared := len(set(digests) & set(others)):
            line = f"{shared} samples are in the {name} data too"
            yield Finding("refuse", f"{line}; what the quantizer has seen can judge nothing")


def _balance(classes: Mapping[str, int]) -> Iterator[Finding]:
    """What is wrong with the samples by class."""
    if missing := [label for label, count in classes.items() if not count]:
        line = f"{len(missing)} of {len(classes)} classes have no sample: {_some(missing)}"
        yield Finding("warn", f"{line}; give some of each")
    present = {label: count for label, count in classes.items() if count}
    small, large = min(present, key=present.__getitem__), max(present, key=present.__getitem__)
    if present[large] > IMBALANCE * present[small]:
        line = f"{present[large]} samples of {large}, {present[small]} of {small}"
        yield Finding("warn", f"{line}, more than {IMBALANCE:g} times as many; even them out")


def _extent(array: NDArray[Any]) -> dict[str, float | None]:
    """Least and greatest value for the record, which knows no NaN."""
    ends = zip(("least", "greatest"), _span(array), strict=True)
    return {name: end if np.isfinite(end) else None for name, end in ends}


def _span(array: NDArray[Any]) -> Range:
    return float(array.min()), float(array.max())


def _ends(numbers: Collection[float | None]) -> str:
    """The least and the greatest, which may be unknown."""
    known = [number for number in numbers if number is not None]
    return f"{min(known):g}..{max(known):g}" if len(known) == len(numbers) else "unknown"


def _some(items: Sequence[object]) -> str:
    """A few of them by name, the others by number."""
    more = f" and {len(items) - EXAMPLES} more" if len(items) > EXAMPLES else ""
    return ", ".join(map(str, items[:EXAMPLES])) + more
