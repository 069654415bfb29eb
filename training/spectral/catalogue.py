"""Spectral indices that are known, by the catalogue that spyndex carries.

The catalogue writes its formulas in symbols of spectral regions (N, R, RE1, ...). `symbols` says
which band of a sensor is which; the rest asks of the formulas, by their values alone, which are
normalized differences of two bands and which no common gain changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import log, tanh
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError

Array = NDArray[np.float64]

# spyndex does not know the first Landsats' scanner; its third band, 700 to 800 nm, lies across the
# red edge and is no region of the catalogue's.
MSS = "landsat_mss"
_MSS = {"B1": "G", "B2": "R", "B3": "", "B4": "N"}
_SPOKEN = {"swir1": "S1", "swir2": "S2"}  # beside spyndex's common names, such as green and nir


@dataclass(frozen=True)
class Known:
    """A normalized difference of two symbols, (first - weight second) / (first + weight second)."""

    name: str
    first: str
    second: str
    weight: float


def symbols(bands: Sequence[str], platform: str | None = None) -> dict[str, str]:
    """The catalogue's symbols of bands, as far as their names tell.

    A name is a symbol itself (`N`), or has a colour in it (`B5_nir`, `Mean_Green`), or a number
    (`B8A`, `B04`, `SR_B5`). What a number stands for is up to the sensor: without one, only what
    all sensors agree on that have all these numbers.

    Args:
        bands: Names.
        platform: A sensor by spyndex's name (`sentinel2a`, `landsat8`, ...) or `landsat_mss`.

    Returns:
        Symbols by name, without the bands that are not understood.

    Raises:
        InputError: There is no such sensor.
    """
    sensors = _sensors()
    if platform is not None and platform not in sensors:
        raise InputError(f"platform {platform!r}: not one of {', '.join(sorted(sensors))}")
    numbers = {band: number for band in bands if (number := _number(band))}
    fitting = [
        sensor
        for name, sensor in sensors.items()
        if name == platform or (platform is None and sensor.keys() >= set(numbers.values()))
    ]
    found = {}
    for band in bands:
        candidates = {sensor.get(numbers.get(band, ""), "") for sensor in fitting}
        symbol = _spoken(band) or (candidates.pop() if len(candidates) == 1 else "")
        if symbol:
            found[band] = symbol
    return found


@cache
def differences() -> tuple[Known, ...]:
    """All indices of the catalogue that are normalized differences of two bands."""
    spyndex, draw = _catalogue(), np.random.default_rng(0)
    probes = {symbol: draw.uniform(0.05, 0.9, 16) for symbol in spyndex.bands}
    found = []
    for name, values in _values(probes).items():
        bands = [band for band in spyndex.indices[name].bands if band in probes]
        if len(bands) != 2:
            continue
        for first, second in (bands, bands[::-1]):
            with np.errstate(all="ignore"):
                weights = probes[first] * (1.0 - values) / (probes[second] * (1.0 + values))
            weight = float(np.median(weights))
            if weight > 0.0 and np.allclose(weights, weight, rtol=1e-9, atol=0.0):
                found.append(Known(name, first, second, weight))
    return tuple(found)


def apart(one: float, other: float) -> float:
    """The most by which ND(a, one b) and ND(a, other b) can differ, over all a, b > 0."""
    return 2.0 * tanh(abs(log(one / other)) / 4.0)


def computed(columns: Mapping[str, Array]) -> dict[str, Array]:
    """Values of all indices that these symbols suffice for and that no common gain changes.

    Args:
        columns: By symbol, [N] positive values in any unit.

    Returns:
        By name [N], without those that are constant or not finite somewhere. Constants in the
        formulas are spyndex's defaults.
    """
    values = _values(columns)
    brighter = _values({symbol: 2.0 * column for symbol, column in columns.items()})
    return {
        name: column
        for name, column in values.items()
        if np.isfinite(column).all()
        and np.ptp(column) > 0.0
        and np.allclose(column, brighter[name], rtol=1e-9, atol=1e-12)
    }


def _catalogue() -> Any:
    import spyndex  # type: ignore[import-untyped,unused-ignore]

    return spyndex


@cache
def _sensors() -> dict[str, dict[str, str]]:
    """By sensor, symbols by the band's number."""
    sensors: dict[str, dict[str, str]] = {MSS: _MSS}
    for symbol, band in _catalogue().bands.items():
        for name, entry in vars(band).items():
            if hasattr(entry, "wavelength"):
                sensors.setdefault(name, {})[entry.band] = symbol
    for sensor in sensors.values():
        if "N" not in sensor.values():  # one near infrared only, and the formulas' is N
            sensor.update({number: "N" for number, symbol in sensor.items() if symbol == "N2"})
    return sensors


def _number(band: str) -> str:
    match = re.search(r"(?:^|[^A-Z])B(?:AND)?[ _]?0*(\d+A?)(?![0-9A-Z])", band.upper())
    return f"B{match[1]}" if match else ""


def _spoken(band: str) -> str:
    regions = _catalogue().bands
    if band in regions:
        return band
    words = _SPOKEN | {region.common_name: symbol for symbol, region in regions.items()}
    found = {words[word] for word in re.split(r"[^a-z0-9]+", band.lower()) if word in words}
    return found.pop() if len(found) == 1 else ""


def _values(columns: Mapping[str, Array]) -> dict[str, Array]:
    """All indices that these columns [N] suffice for; values may be infinite or no numbers."""
    spyndex = _catalogue()
    constants = {name: constant.default for name, constant in spyndex.constants.items()}
    given = {name: value for name, value in constants.items() if value is not None} | dict(columns)
    names = [name for name, index in spyndex.indices.items() if given.keys() >= {*index.bands}]
    if len(names) < 2:  # of one index spyndex gives the values alone
        return {}
    with np.errstate(all="ignore"):
        values = spyndex.computeIndex(names, given, returnOrigin=False)
    return dict(zip(names, values, strict=True))
