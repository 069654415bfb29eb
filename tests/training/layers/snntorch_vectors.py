"""What snntorch makes of some currents: membranes, spikes and gradients, in double precision.

`python -m tests.training.layers.snntorch_vectors` writes `tests/data/snntorch.json`. It needs
torch 2.13.0 and snntorch 1.0.0, which nothing else here does: install them apart.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

VECTORS = Path(__file__).parents[2] / "data" / "snntorch.json"
STEPS, UNITS = 30, 4
NEURONS = [
    ("subtract", "atan"),
    ("subtract", "fast_sigmoid"),
    ("subtract", "sigmoid"),
    ("zero", "atan"),
    ("zero", "fast_sigmoid"),
]
SURROGATES = ("atan", "fast_sigmoid", "sigmoid", "triangular", "straight_through_estimator")


def main() -> None:
    """Write the vectors."""
    import snntorch  # type: ignore[import-not-found,unused-ignore]
    import torch  # type: ignore[import-not-found,unused-ignore]

    torch.set_default_dtype(torch.float64)
    rng = np.random.default_rng(0)
    # Numbers of few bits: snntorch's spikes, and the gradient that arrives at them, are float32.
    numbers = rng.normal([[[0.3]], [[0.0]], [[0.0]]], 0.7, (3, STEPS, UNITS))
    current, to_spikes, to_membrane = np.round(numbers * 1024) / 1024
    beta, threshold = np.array([0.5, 0.8, 0.9, 0.99]), 1.25

    def neuron(reset: str, surrogate: str) -> dict[str, Any]:
        inputs = torch.tensor(current, requires_grad=True)
        layer = snntorch.Leaky(
            torch.tensor(beta),
            threshold,
            getattr(snntorch.surrogate, surrogate)(),
            learn_beta=True,
            reset_mechanism=reset,
        )
        membrane, loss, seen = torch.zeros(1, UNITS), torch.zeros(()), []
        for time in range(STEPS):
            spikes, membrane = layer(inputs[time][None], membrane)
            seen.append((membrane[0].tolist(), spikes[0].int().tolist()))
            loss = loss + (spikes[0] * torch.tensor(to_spikes[time])).sum()
            loss = loss + (membrane[0] * torch.tensor(to_membrane[time])).sum()
        loss.backward()
        return {
            "reset": reset,
            "surrogate": surrogate,
            "membrane": [m for m, _ in seen],
            "spikes": [s for _, s in seen],
            "loss": loss.item(),
            "to_current": inputs.grad.tolist(),
            "to_beta": layer.beta.grad.tolist(),
        }

    def slopes(surrogate: str) -> list[float]:
        x = torch.tensor(grid, requires_grad=True)
        getattr(snntorch.surrogate, surrogate)()(x).sum().backward()
        return list(x.grad.tolist())

    grid = np.linspace(-2, 2, 33).tolist()  # with 0
    values = {
        "versions": {"torch": torch.__version__, "snntorch": snntorch.__version__},
        "current": current.tolist(),
        "to_spikes": to_spikes.tolist(),
        "to_membrane": to_membrane.tolist(),
        "beta": beta.tolist(),
        "threshold": threshold,
        "neurons": [neuron(*case) for case in NEURONS],
        "x": grid,
        "slopes": {surrogate: slopes(surrogate) for surrogate in SURROGATES},
    }
    VECTORS.write_text(json.dumps(values) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
