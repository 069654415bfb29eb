"""Train a localizer: hear wheels and axles, then learn constants and network through the filter.

A run folder holds `recipe.json`, `first.json` and `heard.npz` (stage 1), `weights/` (a file for the
last finished epoch), and in the end `network.keras`, `profile.json` and `run.json`. Whatever is
there is not made again: a run that was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from models.errors import InputError
from models.files import read_json, reading_back, write_text, writing_to
from models.progress import progress_bar, track
from robot.echo import Echo
from robot.lie import Array
from robot.profile import Profile, plain, profile_of
from robot.recording import Recording
from robot.tone import Tone
from training.inertial import echo, kitti, tone
from training.inertial.emulate import Emulation, emulate, preset
from training.inertial.losses import sub_sequences
from training.inertial.model import Localization
from training.inertial.networks import Network
from training.inertial.recipe import Recipe
from training.inertial.windows import Drive, draw, listen
from training.provenance import git_commit, package_versions

EPOCH = 10  # steps
RECIPE, PROFILE, KERAS_FILE, REPORT = "recipe.json", "profile.json", "network.keras", "run.json"
_NEUTRAL = (1.0, 1.0)  # base of the network in training: the constants hold the variances


def train(recipe: Recipe, root: Path, out: Path) -> dict[str, Any]:
    """Train, or go on training, in a run folder.

    Args:
        recipe: What to do.
        root: The data folder.
        out: The run folder.

    Returns:
        What `run.json` holds.

    Raises:
        InputError: Data is missing, or the folder holds a run of another recipe.
    """
    _claim(out, recipe)
    recorded = read_drives(root, recipe)
    recordings = [*recorded, *_emulated(recorded, recipe)]
    profile = _profile(recipe, recordings, out)
    drives = _heard(recordings, profile, out)
    model = Localization(_network(recipe, recordings), profile)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, recipe.steps, warmup_target=recipe.learning_rate, warmup_steps=recipe.warmup
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=recipe.weight_decay, clipnorm=recipe.clip
    )
    optimizer.exclude_from_weight_decay(var_list=model.constants.trainable_variables)
    model.compile(optimizer=optimizer, jit_compile=True)
    optimizer.build(model.trainable_variables)
    history = _fit(model, recipe, drives, out / "weights")
    profile = model.constants.profile()
    network = with_base(model.network, profile.noise.slip)
    with writing_to(out / KERAS_FILE) as path:
        network.save(path)
    write_text(out / PROFILE, json.dumps(plain(profile), indent=1))
    report = {
        "recipe": asdict(recipe),
        "drives": [recording.name for recording in recorded],
        "data_sha256": _fingerprint(recorded),
        "packages": package_versions(),
        "commit": git_commit(),
        "history": history,
    }
    write_text(out / REPORT, json.dumps(report, indent=1))
    return report


def read_drives(root: Path, recipe: Recipe) -> list[Recording]:
    """All drives that move, but for those held out."""
    unseen = {kitti.SEQUENCES[name].drive for name in recipe.hold_out}
    names = [n for n in kitti.drives(root) if n not in unseen and n not in kitti.ALMOST_STATIC]
    return [kitti.read(root, name) for name in track(names, len(names), "reading drives")]


def _emulated(recordings: Sequence[Recording], recipe: Recipe) -> Iterator[Recording]:
    """Each drive as the recipe's cheaper IMUs would have recorded it."""
    for name in recipe.emulations:
        for k, recording in enumerate(recordings):
            made = emulate(recording, Emulation(preset(name)), seed=1000 * recipe.seed + k)
            yield replace(made.recording, name=f"{recording.name} {name}")


def with_base(network: Network, base: tuple[float, float]) -> Network:
    """A trained network whose slip is in m^2/s^2 by itself."""
    other = Network(replace(network.config, base=base), dtype=network.dtype_policy)
    other.set_weights(network.get_weights())
    return other


def _claim(out: Path, recipe: Recipe) -> None:
    """Make the folder this recipe's, or see that it is."""
    path, text = out / RECIPE, json.dumps(asdict(recipe), indent=1)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise InputError(f"{out}: holds a run of another recipe; choose another --out")
    write_text(path, text)


def _profile(recipe: Recipe, recordings: Sequence[Recording], out: Path) -> Profile:
    """The first profile: AI-IMU's constants, and the ears."""
    path = out / "first.json"
    if not path.exists():
        found = Profile(tone=_tone(recipe, recordings), echo=_echo(recipe, recordings))
        write_text(path, json.dumps(plain(found)))
    return profile_of(read_json(path), str(path))


def _tone(recipe: Recipe, recordings: Sequence[Recording]) -> Tone | None:
    if not recipe.tone:
        return None
    rng, count = np.random.default_rng(recipe.seed), len(recordings)
    first = Tone(tone.circumference(track(recordings, count, "measuring wheels"), Tone(2.0)))
    heard = [tone.windows(r, first, rng) for r in track(recordings, count, "hearing wheels")]
    return tone.fit(first, heard)


def _echo(recipe: Recipe, recordings: Sequence[Recording]) -> Echo | None:
    if not recipe.wheelbase:
        return None
    rng, count = np.random.default_rng(recipe.seed), len(recordings)
    first = echo.unlearned(recipe.wheelbase)
    heard = [echo.windows(r, first, rng) for r in track(recordings, count, "hearing axles")]
    return echo.fit(first, heard, seed=recipe.seed)


def _heard(recordings: Sequence[Recording], profile: Profile, out: Path) -> list[Drive]:
    """The drives, with the speeds that the localizer hears in them."""
    path = out / "heard.npz"
    if not path.exists():
        rows = track(recordings, len(recordings), "driving by ear")
        heard = {r.name: listen(r, profile) for r in rows}
        with writing_to(path) as temporary:
            np.savez_compressed(temporary, **heard)  # type: ignore[arg-type,unused-ignore]
    with reading_back(path), np.load(path, allow_pickle=False) as file:
        return [Drive.of(r, file[r.name]) for r in recordings]


def _network(recipe: Recipe, recordings: Sequence[Recording]) -> Network:
    network = Network(replace(recipe.network, base=_NEUTRAL, seed=recipe.seed), dtype="float64")
    length = recipe.length
    cut = [
        np.hstack((r.gyro, r.accel))[k * length : (k + 1) * length]
        for r in recordings
        for k in range(len(r.times) // length)
    ]
    network.fit_features(np.stack(cut))
    return network


def _fit(model: Localization, recipe: Recipe, drives: Sequence[Drive], folder: Path) -> list[float]:
    """Take the steps that are left; the mean loss of each epoch."""
    folder.mkdir(exist_ok=True)
    history: list[float] = []
    saved = sorted(folder.glob("*.weights.h5"))
    if saved:
        with reading_back(saved[-1]):
            model.load_weights(saved[-1])
        history = read_json(folder / "history.json", "choose another --out")
        history = history[: int(saved[-1].name.split(".")[0])]
    epochs = -(-recipe.steps // EPOCH)
    with progress_bar() as bar:
        task = bar.add_task("training", total=epochs, completed=len(history), note="")
        for epoch in range(len(history), epochs):
            begun = time.perf_counter()
            losses = []
            for step in range(epoch * EPOCH, min((epoch + 1) * EPOCH, recipe.steps)):
                inputs, truth = _batch(recipe, drives, step)
                losses.append(float(model.train_on_batch(inputs, truth)))
            history.append(float(np.mean(losses)))
            write_text(folder / "history.json", json.dumps(history))
            with writing_to(folder / f"{epoch + 1:04d}.weights.h5") as path:
                model.save_weights(path)
            for old in sorted(folder.glob("*.weights.h5"))[:-1]:
                old.unlink()
            seconds = (time.perf_counter() - begun) / len(losses)
            note = f"t_rel {100 * history[-1]:.3f} %, {seconds:.1f} s a step"
            bar.update(task, advance=1, note=note)
    return history


def _batch(recipe: Recipe, drives: Sequence[Drive], step: int) -> tuple[dict[str, Array], Any]:
    """The windows of a step: the same whenever it is taken."""
    rng = np.random.default_rng((recipe.seed, step))
    batch = draw(drives, recipe.batch, recipe.length, rng)
    inputs = {
        "samples": batch.samples,
        "dt": batch.dt,
        "starts": batch.starts,
        "speeds": batch.speeds,
    }
    pairs = sub_sequences(batch.positions, batch.rotations, batch.sound, size=recipe.pairs)
    return inputs, pairs._asdict()


def _fingerprint(recordings: Sequence[Recording]) -> str:
    digest = hashlib.sha256()
    for r in recordings:
        for part in (r.times, r.gyro, r.accel, r.truth.positions):
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
