"""What NeuroBench counts in three small networks with given weights.

`python -m tests.training.inertial.neurobench_vectors` writes `tests/data/neurobench.json`. It needs
torch 2.13.0, snntorch 1.0.0 and neurobench 2.3.0, which nothing else here does: install them apart.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

VECTORS = Path(__file__).parents[2] / "data" / "neurobench.json"
STEPS, HIDDEN = 20, (8, 4)
BETAS = (0.8, 0.9, 0.95)  # of the two spiking layers and the readout


def main() -> None:
    """Write the vectors."""
    import snntorch  # type: ignore[import-not-found,unused-ignore]
    import torch  # type: ignore[import-not-found,unused-ignore]
    from neurobench.metrics.utils.layers import (  # type: ignore[import-not-found,unused-ignore]
        single_layer_MACs,
    )
    from neurobench.metrics.workload.activation_sparsity import (  # type: ignore[import-not-found,unused-ignore]
        ActivationSparsity,
    )

    torch.set_default_dtype(torch.float64)
    rng = np.random.default_rng(0)

    def some(*shape: int) -> Any:
        """Numbers, a fifth of them 0."""
        return np.round(rng.normal(0, 1, shape), 3) * (rng.random(shape) > 0.2)

    samples = some(STEPS, 6)
    first, second = HIDDEN
    weights = {
        "snn": [some(6, first), some(first, second), some(second, 2)],
        "cnn": [some(5, 6, first), some(5, first, second), some(second, 2)],
        "lstm": [some(6, 4 * second), some(second, 4 * second), some(second, 2)],
    }

    def tensor(values: Any) -> Any:
        return torch.tensor(np.ascontiguousarray(values))

    def linear(kernel: Any) -> Any:
        layer = torch.nn.Linear(*kernel.shape, bias=False)
        layer.weight.data = tensor(kernel.T)
        return layer

    def tally(calls: list[tuple[Any, Any]], activations: list[Any]) -> dict[str, float]:
        """NeuroBench's numbers of (layer, inputs) and of activations, per time step."""
        counts = {"macs": 0.0, "acs": 0.0, "dense": 0.0}
        for layer, inputs in calls:
            operations, spiking = single_layer_MACs(inputs, layer)
            counts["acs" if spiking else "macs"] += operations / STEPS
            counts["dense"] += single_layer_MACs(inputs, layer, total=True)[0] / STEPS
        hooks = [SimpleNamespace(activation_outputs=[a]) for a in activations]
        sparsity = ActivationSparsity()(SimpleNamespace(activation_hooks=hooks), None, None)
        return counts | {"activation_sparsity": sparsity}

    def snn() -> dict[str, float]:
        x, calls, activations = tensor(samples), [], []
        for kernel, beta in zip(weights["snn"][:2], BETAS[:2], strict=True):
            layer, neurons = linear(kernel), snntorch.Leaky(beta)
            calls.append((layer, x))
            currents, membrane, spikes = layer(x), torch.zeros(1, kernel.shape[1]), []
            for current in currents:
                fired, membrane = neurons(current[None], membrane)
                spikes.append(fired[0])
            x = torch.stack(spikes).double()
            activations.append(x)
        mean, read = torch.zeros(second), []
        for spike in x:
            mean = BETAS[2] * mean + (1 - BETAS[2]) * spike
            read.append(mean)
        return tally([*calls, (linear(weights["snn"][2]), torch.stack(read))], activations)

    def cnn() -> dict[str, float]:
        x, calls, activations = tensor(samples.T), [], []
        for kernel, dilation in zip(weights["cnn"][:2], (1, 3), strict=True):
            layer = torch.nn.Conv1d(*kernel.shape[1:], 5, dilation=dilation, bias=False)
            layer.weight.data = tensor(kernel.transpose(2, 1, 0))
            x = torch.nn.functional.pad(x, (4 * dilation, 0))
            calls.append((layer, x[None]))
            x = torch.relu(layer(x))
            activations.append(x)
        return tally([*calls, (linear(weights["cnn"][2]), x.T)], activations)

    def lstm() -> dict[str, float]:
        kernel, recurrent, head = weights["lstm"]
        cell = torch.nn.LSTMCell(6, second)
        cell.weight_ih.data, cell.weight_hh.data = tensor(kernel.T), tensor(recurrent.T)
        cell.bias_ih.data, cell.bias_hh.data = torch.ones(4 * second), torch.zeros(4 * second)
        state = (torch.zeros(1, second), torch.zeros(1, second))
        calls, outputs = [], []
        for row in tensor(samples):
            calls.append((cell, (row[None], state)))
            state = cell(row[None], state)
            outputs.append(state[0][0])
        return tally([*calls, (linear(head), torch.stack(outputs))], [])

    values = {
        "samples": samples.tolist(),
        "weights": {kind: [w.tolist() for w in ws] for kind, ws in weights.items()},
        "counts": {"snn": snn(), "cnn": cnn(), "lstm": lstm()},
    }
    VECTORS.write_text(json.dumps(values) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
