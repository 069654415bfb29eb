"""A bundle held to other tolerances, by what its manifest recorded: nothing is run again.

A figure that was measured is also the least tolerance that would let it pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Literal, get_args

from export.gate.judge import MAX_DROP, TOLERANCES
from models.errors import InputError
from models.manifest import Artefact, Scheme
from models.quality import Parity, Quality

Measure = Literal["max-error", "rms-error", "agreement", "max-drop", "apart", "unchanged"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
MOST = 1e30  # no tolerance is larger; an error of NaN is recorded as more
_AT_LEAST = ("agreement", "unchanged")
ON_ALL = "agreement on decided inputs was not recorded: that on all inputs is judged in its place"
AS_DECIDED = (
    "agreement stays that on the inputs that the RMS tolerance of the time called decided: which "
    "others --rms-error would call so was not recorded"
)


@dataclass(frozen=True)
class Check:
    """A figure beside its tolerance; truthy when it is within.

    Attributes:
        measure: What kind of figure.
        of: The output or the drive that it belongs to; empty for the whole.
        measured: The figure, and so the least tolerance that it would pass.
        tolerance: What it is held to; None if to nothing.
        unclear: It may be chance, since there were few inputs: then it passes.
    """

    measure: Measure
    of: str
    measured: float
    tolerance: float | None
    unclear: bool = False

    def __bool__(self) -> bool:
        if self.tolerance is None or self.unclear:
            return True
        if self.measure in _AT_LEAST:
            return self.measured >= self.tolerance
        return self.measured <= self.tolerance

    @property
    def strain(self) -> float:
        """How near to failing: above 1 it fails."""
        if self.tolerance is None or self.unclear:
            return 0.0
        part, whole = self.measured, self.tolerance
        if self.measure in _AT_LEAST:
            part, whole = 1 - part, 1 - whole
        return part / whole if whole > 0 else float(part > 0) * float("inf")


@dataclass(frozen=True)
class Finding:
    """What a re-check says of an artefact; truthy when it passes.

    Attributes:
        file: The artefact.
        scheme: Its scheme.
        checks: Its figures; none if nothing was recorded, which does not pass.
    """

    file: str
    scheme: Scheme
    checks: tuple[Check, ...]

    def __bool__(self) -> bool:
        return bool(self.checks) and all(self.checks)

    def closest(self, measure: Measure) -> Check | None:
        """Of a kind of figures, the one that is nearest to failing."""
        checks = [check for check in self.checks if check.measure == measure]
        return max(checks, key=lambda check: (check.strain, check.measured), default=None)

    def enough(self) -> dict[Measure, float]:
        """The least tolerances that would let it pass, of the kinds of figures that do not.

        In three digits, rounded to the side on which all outputs and drives pass.
        """
        found: dict[Measure, float] = {}
        for measure in MEASURES:
            checks = [check for check in self.checks if check.measure == measure]
            if not all(checks):
                figures = [check.measured for check in checks]
                least = measure in _AT_LEAST
                found[measure] = _outward(min(figures) if least else max(figures), down=least)
        return found

    def options(self) -> str:
        """The same as they are given on the command line."""
        said = []
        for measure, value in self.enough().items():
            if measure == "max-drop":
                said.append(f"--max-drop {100 * value:.4g}")
            elif measure == "unchanged":
                said.append(f"--unchanged {value:.4g}")
            else:
                said.append(f"--{measure} {self.scheme}={value:.4g}")
        return " ".join(said)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "file": self.file,
            "scheme": self.scheme,
            "ok": bool(self),
            "least": self.enough(),
            "checks": [
                {
                    "measure": check.measure,
                    "of": check.of,
                    "measured": check.measured,
                    "tolerance": check.tolerance,
                    "ok": bool(check),
                }
                for check in self.checks
            ],
        }


@dataclass(frozen=True)
class Limits:
    """Tolerances to hold a bundle to; without one, that which it was made with.

    Attributes:
        by_scheme: Per measure, of every output and drive of a scheme.
        max_drop: Top-1 that may be lost, as a fraction.
        unchanged: Least share of spectra that keep their class under every gain.
    """

    by_scheme: Mapping[Measure, Mapping[Scheme, float]] = field(default_factory=dict)
    max_drop: float | None = None
    unchanged: float | None = None

    def of(self, measure: Measure, scheme: Scheme, recorded: float | None) -> float | None:
        """The tolerance of a figure."""
        return self.by_scheme.get(measure, {}).get(scheme, recorded)


def recheck(artefact: Artefact, limits: Limits = Limits()) -> Finding:
    """Hold what was recorded of an artefact to tolerances."""
    return Finding(artefact.file, artefact.scheme, tuple(_checks(artefact, limits)))


def reservations(artefacts: Sequence[Artefact], limits: Limits) -> list[str]:
    """What cannot be re-checked to the letter, a line each."""
    recorded = {
        parity.agreement_tolerance is not None
        for artefact in artefacts
        for parity in artefact.parity.values()
        if parity.agreement is not None
    }
    lines = []
    if False in recorded:
        lines.append(ON_ALL)
    if True in recorded and limits.by_scheme.get("rms-error"):
        lines.append(AS_DECIDED)
    return lines


def read_limits(
    option: Measure, words: Sequence[str], schemes: Sequence[Scheme]
) -> dict[Scheme, float]:
    """Tolerances as they are given on the command line, `SCHEME=X`.

    Args:
        option: Which.
        words: As given.
        schemes: Those of the bundle.

    Raises:
        InputError: No such scheme there, no number, or none that a figure can have.
    """
    limits: dict[Scheme, float] = {}
    for word in words:
        name, _, number = word.partition("=")
        scheme = next((s for s in schemes if s == name), None)
        if scheme is None:
            known = ", ".join(dict.fromkeys(schemes))
            raise InputError(
                f"--{option} {word}: give SCHEME=X with a scheme of the bundle: {known}"
            )
        limits[scheme] = read_limit(option, number)
    return limits


def read_limit(option: Measure, text: str) -> float:
    """One tolerance; `InputError` if it is no number from 0 on, or a share above 1."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    share = option in _AT_LEAST
    if not 0 <= value <= (1.0 if share else MOST):
        wanted = "a number from 0 to 1" if share else f"a number from 0 to {MOST:g}"
        raise InputError(f"--{option} {text or 'nothing'}: give {wanted}")
    return value


def _outward(value: float, *, down: bool) -> float:
    exact = Decimal(repr(value))
    unit = Decimal(1).scaleb(exact.adjusted() - 2)
    return float(exact.quantize(unit, ROUND_FLOOR if down else ROUND_CEILING))


def _checks(artefact: Artefact, limits: Limits) -> Iterator[Check]:
    scheme = artefact.scheme
    for name, parity in artefact.parity.items():
        worst = limits.of("max-error", scheme, parity.max_tolerance)
        yield Check("max-error", name, parity.max_error, worst)
        square = limits.of("rms-error", scheme, parity.rms_tolerance)
        yield Check("rms-error", name, parity.rms_error, square)
        if parity.agreement is not None:
            yield _agreement(name, parity, scheme, limits)
    if artefact.quality is not None:
        yield _drop(artefact.quality, limits)
    for way in artefact.ways or ():
        yield Check(
            "apart", way.drive, way.apart / way.metres, limits.of("apart", scheme, way.tolerance)
        )
    if artefact.invariance is not None:
        least = limits.unchanged
        found = artefact.invariance
        yield Check(
            "unchanged", found.data, found.unchanged, found.tolerance if least is None else least
        )


def _agreement(name: str, parity: Parity, scheme: Scheme, limits: Limits) -> Check:
    recorded = parity.agreement_tolerance
    if recorded is None:  # of a bundle made before it was recorded
        return Check(
            "agreement",
            name,
            parity.agreement or 0.0,
            limits.of("agreement", scheme, TOLERANCES.get(scheme, TOLERANCES["f32"]).agreement),
        )
    tolerance = limits.of("agreement", scheme, recorded)
    return Check("agreement", name, parity.decided or 0.0, tolerance)  # 0: none was decided


def _drop(quality: Quality, limits: Limits) -> Check:
    recorded = MAX_DROP if quality.drop_tolerance is None else quality.drop_tolerance
    tolerance = recorded if limits.max_drop is None else limits.max_drop
    return Check("max-drop", "", quality.drop, tolerance, unclear=quality.drop_interval[0] <= 0)
