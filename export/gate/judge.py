"""Stage 5: the gate. An artefact that does not compute what its Keras model computes stops here.

Everything is judged on real inputs, per scheme, relative to the range of the reference's outputs:
an absolute tolerance would fail a good model with large logits and pass a bad one with small ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import GateError
from models.manifest import Scheme
from models.metrics import as_logits, fit_temperature, paired_drop, score
from models.quality import Calibration, Parity, Quality

Outputs = NDArray[np.float32]  # [N, K]


@dataclass(frozen=True)
class Tolerance:
    """What a scheme must hold; errors are fractions of the reference's output range.

    Attributes:
        max_error: Largest single difference; None where one input near a rounding edge would
            decide (quantized activations): there the RMS and the agreement judge.
        rms_error: Root mean square difference.
        agreement: Least share of decided inputs with the same top class. One is decided when
            the reference's best class leads by more than `DECIDED` times the RMS tolerance: a
            closer race may turn within what is tolerated, and the RMS judges that.
        bytes_per_weight: Least plausible storage; a file far below has lost its weights.
    """

    max_error: float | None
    rms_error: float
    agreement: float
    bytes_per_weight: float


TOLERANCES: dict[Scheme, Tolerance] = {
    "f32": Tolerance(1e-4, 2e-5, 0.999, 4),
    "f16": Tolerance(2e-2, 2e-3, 0.995, 2),
    "wi8_afp32": Tolerance(None, 2e-2, 0.97, 1),
    "wi8_ai8": Tolerance(None, 3e-2, 0.95, 1),
}
DECIDED = 3.0  # two standard deviations of the difference of two outputs, each off by the RMS
PLAUSIBLE_SIZE = 0.8  # of weights times bytes a weight
MAX_DROP = 0.005  # top-1, as a fraction


@dataclass(frozen=True)
class Verdict:
    """The gate's findings on one artefact; truthy when it may be shipped."""

    parity: Parity
    quality: Quality | None
    calibration: Calibration | None
    failures: tuple[str, ...]
    warnings: tuple[str, ...]

    def __bool__(self) -> bool:
        return not self.failures


def check_reference(reference: Outputs) -> None:
    """Refuse a reference that could not expose a wrong artefact.

    Raises:
        GateError: It has NaN or infinity, or hardly varies: comparing constants proves nothing.
    """
    if not np.isfinite(reference).all():
        raise GateError("the Keras model gives NaN or infinity on the validation data; retrain")
    spread, scale = np.ptp(reference, axis=0).max(), np.abs(reference).max()
    classes = len(np.unique(reference.argmax(axis=1)))
    if spread <= 1e-6 * scale or classes < 2:
        raise GateError(
            f"the Keras model's output does not vary over {len(reference)} inputs "
            f"({classes} top class): parity would prove nothing; train it or give other data"
        )


def judge_head(
    reference: Outputs,
    candidate: Outputs,
    scheme: Scheme,
    tolerances: Mapping[Scheme, Tolerance] = TOLERANCES,
) -> tuple[Parity, list[str]]:
    """Compare an output that an export added ([N, ...], no vector of classes) with Keras's.

    Returns:
        Its parity, and why it fails, if it does.
    """
    tolerance, failures = tolerances[scheme], list[str]()
    if not np.isfinite(candidate).all():
        return _parity(reference, _far_off(candidate), tolerance), ["NaN or infinity"]
    parity = _parity(reference, candidate, tolerance)
    _check_errors(parity, failures)
    return parity, failures


def judge(
    *,
    reference: Outputs,
    candidate: Outputs,
    targets: NDArray[np.int64] | None,
    scheme: Scheme,
    size: int,
    weights: int,
    meaning: str,
    data: str,
    max_drop: float = MAX_DROP,
    tolerances: Mapping[Scheme, Tolerance] = TOLERANCES,
) -> Verdict:
    """Compare an artefact with its Keras model.

    Args:
        reference: [N, K] the Keras model's outputs; `check_reference` has passed.
        candidate: [N, K] the artefact's, on the same inputs.
        targets: [N] true classes; None where nobody knows them: then only parity is judged.
        scheme: Chooses the tolerance.
        size: Bytes of the artefact.
        weights: Number of weights in the model.
        meaning: `logits` or `probabilities`.
        data: Name of the inputs, for the record.
        max_drop: Top-1 that may be lost. A larger drop fails unless its 95 % interval includes
            zero; then the inputs are too few to tell, which is a warning.
        tolerances: Of each scheme.
    """
    tolerance = tolerances[scheme]
    failures: list[str] = []
    warnings: list[str] = []
    if not np.isfinite(candidate).all():
        bad = int((~np.isfinite(candidate)).any(axis=1).sum())
        failures.append(f"NaN or infinity on {bad} of {len(candidate)} inputs")
        candidate = _far_off(candidate)
    same = float(np.mean(reference.argmax(axis=1) == candidate.argmax(axis=1)))
    parity = _parity(reference, candidate, tolerance)
    _check_errors(parity, failures)
    agreement = _decided_agreement(reference, candidate, tolerance.rms_error * parity.range)
    parity = parity.model_copy(
        update={
            "agreement": same,
            "decided": None if np.isnan(agreement) else agreement,
            "agreement_tolerance": tolerance.agreement,
        }
    )
    if not agreement >= tolerance.agreement:
        failures.append(
            f"top-1 agreement on decided inputs {agreement:.4f} < {tolerance.agreement}"
        )
    failures += lost_weights(scheme, size, weights, tolerances)
    if targets is None:
        return Verdict(parity, None, None, tuple(failures), tuple(warnings))
    drop, low, high = paired_drop(*(o.argmax(axis=1) == targets for o in (reference, candidate)))
    if drop > max_drop:
        said = f"top-1 drop {100 * drop:.2f} points [{100 * low:.2f}, {100 * high:.2f}]"
        limit = f"> {100 * max_drop:.2f}"
        if low > 0:
            failures.append(f"{said} {limit}")
        else:
            warnings.append(f"{said} {limit}, but {len(targets)} inputs are too few to tell")
    calibration, quality = _quality(candidate, targets, meaning, data, (drop, low, high))
    quality = quality.model_copy(update={"drop_tolerance": max_drop})
    return Verdict(parity, quality, calibration, tuple(failures), tuple(warnings))


def lost_weights(
    scheme: Scheme, size: int, weights: int, tolerances: Mapping[Scheme, Tolerance] = TOLERANCES
) -> tuple[str, ...]:
    """Why a file of so many bytes cannot hold so many weights, if it cannot."""
    if size >= PLAUSIBLE_SIZE * weights * tolerances[scheme].bytes_per_weight:
        return ()
    return (f"{size} bytes for {weights} weights: the file has lost weights",)


def _parity(reference: Outputs, candidate: Outputs, tolerance: Tolerance) -> Parity:
    output_range = float(np.ptp(reference)) or 1.0  # of a head; `check_reference` saw the classes
    error = np.abs(candidate.astype(np.float64) - reference) / output_range
    return Parity(
        n=len(reference),
        range=output_range,
        max_error=float(error.max()),
        rms_error=float(np.sqrt(np.mean(error**2))),
        max_tolerance=tolerance.max_error,
        rms_tolerance=tolerance.rms_error,
    )


def _far_off(outputs: Outputs) -> Outputs:
    """With a number that fails every tolerance for NaN and infinity, which no manifest can hold."""
    return np.nan_to_num(outputs, nan=-1e30, posinf=-1e30, neginf=-1e30)


def _check_errors(parity: Parity, failures: list[str]) -> None:
    if parity.max_tolerance is not None and parity.max_error > parity.max_tolerance:
        failures.append(f"max error {parity.max_error:.2g} of the range > {parity.max_tolerance}")
    if parity.rms_error > parity.rms_tolerance:
        failures.append(f"RMS error {parity.rms_error:.2g} of the range > {parity.rms_tolerance}")


def _decided_agreement(reference: Outputs, candidate: Outputs, rms: float) -> float:
    """Share of the decided inputs with the same top class; NaN, which no gate passes, for none."""
    best = np.sort(reference, axis=1)[:, -2:]
    decided = best[:, 1] - best[:, 0] > DECIDED * rms
    same = reference.argmax(axis=1) == candidate.argmax(axis=1)
    return float(same[decided].mean()) if decided.any() else float("nan")


def _quality(
    outputs: Outputs,
    targets: NDArray[np.int64],
    meaning: str,
    data: str,
    drop: tuple[float, float, float],
) -> tuple[Calibration, Quality]:
    scores_in = as_logits(outputs, meaning)
    temperature = fit_temperature(scores_in, targets)
    scores = score(scores_in, targets, temperature)
    calibration = Calibration(temperature=round(temperature, 4), data=data, n=len(targets))
    quality = Quality(
        data=data,
        n=scores.n,
        top1=scores.top1,
        top1_interval=(scores.top1_low, scores.top1_high),
        precision=scores.precision,
        recall=scores.recall,
        f1=scores.f1,
        ece=scores.ece,
        drop=drop[0],
        drop_interval=drop[1:],
    )
    return calibration, quality
