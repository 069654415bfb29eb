"""The exported network as a noise model: one call of its step for each period of its rate."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.choice import candidates
from models.contract import ImuPreprocess
from models.errors import InputError, IntegrityError
from models.manifest import Artefact, Manifest
from models.runtime import Runner, open_runner
from robot.lie import Array
from robot.noise import Advice, Memory
from robot.state import KITTI_NOISE, Noise

TASK = "imu-noise-adaptation"
SLIP_BOUNDS = (1e-8, 1e8)  # m^2/s^2; a variance outside them is a fault of the network
PROCESS_BOUNDS = (1e-6, 1e6)

# Parts of the memory beside the network's states, by names that no tensor can have.
GATHERED = ".gathered"  # [8] s ahead of the network's last step, s summed, sum of samples times s
SAID = ".said"  # [5] a `Said`
Said = tuple[float, float, float, float, float]  # slip, still (-1 if not said), process


class NetworkNoise:
    """A bundle's network, to be given to a `Localizer`.

    Attributes:
        artefact: The artefact in use.
        runtime: The runtime in use.
        rate: Steps a second.
        shown: All outputs of the last step that are no states, by name: spikes among them.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        artefact: str = "",
        runtime: str = "",
        noise: Noise = KITTI_NOISE,
    ) -> None:
        """Load a network.

        Args:
            bundle: Of the task `imu-noise-adaptation`.
            artefact: A file name; by default the bundle's choice for this machine.
            runtime: One of `models.runtime.RUNTIMES`; by default the artefact's first installed.
            noise: What the network does not set.

        Raises:
            InputError: Another task, or no such artefact or runtime.
            IntegrityError: The artefact is not the one in the manifest, or not as described there.
        """
        manifest = bundle.manifest
        if manifest.task != TASK or not isinstance(manifest.preprocess, ImuPreprocess):
            raise InputError(f"{bundle.path}: its task is {manifest.task}, not {TASK}")
        self.artefact = bundle.artefact(artefact) if artefact else _choose(bundle, runtime)
        self._runner = open_runner(
            bundle.read(self.artefact),
            self.artefact.format,
            runtime=runtime,
            name=self.artefact.file,
        )
        _check_ports(f"{bundle.path / self.artefact.file}", manifest, self._runner)
        self.runtime = self._runner.runtime
        self.rate = manifest.preprocess.rate_hz
        self.shown: dict[str, NDArray[Any]] = {}
        places = {port.name: place for place, port in enumerate(self._runner.outputs)}
        feeders = {t.feeds: places[t.name] for t in manifest.outputs if t.feeds is not None}
        self._inputs = [port.name for port in self._runner.inputs]
        self._sample = self._inputs.index("sample")
        self._states = {
            port.name: (place, feeders[port.name], port)
            for place, port in enumerate(self._runner.inputs)
            if port.name != "sample"
        }
        self._slip = places["slip"]
        self._still, self._process = places.get("still"), places.get("process")
        self._others = {t.name: places[t.name] for t in manifest.outputs if t.feeds is None}
        self._noise = noise
        self._default: Said = (*noise.slip, -1.0, 1.0, 1.0)
        self._said, self._advice = self._default, Advice(noise)

    def start(self) -> Memory:
        """States of zeros, and the noise as it is without the network."""
        states = {
            name: np.zeros(port.single, port.dtype) for name, (_, _, port) in self._states.items()
        }
        return states | {GATHERED: np.zeros(8), SAID: np.array(self._default)}

    def step(self, memory: Memory, sample: Array, dt: float) -> tuple[Memory, Advice]:
        """Take in one sample, and call the network as often as its periods have gone by.

        Args:
            memory: From `start`, or the last step.
            sample: [6] rad/s and m/s^2, finite.
            dt: s since the last sample. Of more than a second, a second counts.
        """
        gathered = memory[GATHERED]
        ahead, seconds = gathered[:2].tolist()
        ahead += min(dt, 1.0)
        calls = math.floor(ahead * self.rate + 0.5)
        if calls <= 0:
            waiting = gathered.copy()
            waiting[0] = ahead
            waiting[1] += dt
            waiting[2:] += dt * sample
            return {**memory, GATHERED: waiting}, self._advise(tuple(memory[SAID].tolist()))
        if seconds > 0:
            sample = (gathered[2:] + dt * sample) / (seconds + dt)
        fresh = np.zeros(8)
        fresh[0] = ahead - calls / self.rate
        arrays: list[Any] = [memory.get(name) for name in self._inputs]
        arrays[self._sample] = sample.astype(np.float32)[None]
        for _ in range(calls):
            answers = self._runner.call(arrays)
            for place, feeder, _ in self._states.values():
                arrays[place] = answers[feeder]
        said = self._read(answers)
        if said is None:  # a network that has lost its mind starts anew
            return {**self.start(), GATHERED: fresh}, self._advise(self._default)
        self.shown = {name: answers[place] for name, place in self._others.items()}
        after = dict(zip(self._inputs, arrays, strict=True))
        del after["sample"]
        after[GATHERED], after[SAID] = fresh, np.array(said)
        return after, self._advise(said)

    def _read(self, answers: list[NDArray[Any]]) -> Said | None:
        """What the outputs say; None if it is no noise that a filter can work with."""
        lateral, vertical = answers[self._slip][0].tolist()
        least, most = SLIP_BOUNDS
        sound = least <= lateral <= most and least <= vertical <= most
        still, gyro, accel = self._default[2:]
        if self._still is not None:
            still = float(answers[self._still][0, 0])
            sound = sound and 0.0 <= still <= 1.0
        if self._process is not None:
            gyro, accel = answers[self._process][0].tolist()
            least, most = PROCESS_BOUNDS
            sound = sound and least <= gyro <= most and least <= accel <= most
        return (lateral, vertical, still, gyro, accel) if sound else None

    def _advise(self, said: Said) -> Advice:
        """The advice, the same object as long as nothing changes."""
        if said != self._said:
            lateral, vertical, still, gyro, accel = said
            base = self._noise
            self._said = said
            noise = Noise(
                base.gyro * math.sqrt(gyro),
                base.accel * math.sqrt(accel),
                base.gyro_bias,
                base.accel_bias,
                base.mount,
                base.lever,
                (lateral, vertical),
            )
            self._advice = Advice(noise, None if still < 0 else still)
        return self._advice


def _choose(bundle: Bundle, runtime: str) -> Artefact:
    """The bundle's default for this machine, else the first; of what is here and can be run."""
    runnable, default = candidates(bundle, runtime)
    return next((a for a in runnable if a.file == default), runnable[0])


def _check_ports(name: str, manifest: Manifest, runner: Runner) -> None:
    tensors = {t.name: t.shape for t in (*manifest.inputs, *manifest.outputs)}
    ports = (*runner.inputs, *runner.outputs)
    if tensors != {port.name: port.single for port in ports}:
        raise IntegrityError(
            f"{name}: its inputs and outputs are not the manifest's; export the bundle again"
        )
    wrong = [port.name for port in ports if port.dtype != np.float32]
    if wrong:
        raise InputError(
            f"{name}: {', '.join(wrong)} must be float32; quantize weights only (f16, wi8_afp32)"
        )
