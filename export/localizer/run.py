"""The manifests of a localizer's two bundles: the network's step, and the whole as one graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from export.assemble import utc_now
from export.load import load_safely
from export.localizer.stream import Stream
from models.contract import Contract, ImuPreprocess, labels_sha256
from models.errors import InputError
from models.files import read_record
from robot.profile import Profile, plain, profile_of
from training.inertial.networks import Network
from training.inertial.train import KERAS_FILE, PROFILE, REPORT

Task = Literal["imu-noise-adaptation", "imu-localization"]
_TOLD = ("recipe", "drives", "data_sha256", "packages", "commit")  # of run.json; the rest stays


@dataclass(frozen=True)
class Run:
    """What `training.inertial.train` made.

    Attributes:
        network: As it was trained.
        keras: The bytes of its file.
        profile: The constants.
        training: What `run.json` tells of it.
    """

    network: Network
    keras: bytes
    profile: Profile
    training: dict[str, Any]


def read_run(folder: Path) -> Run:
    """Read a run folder.

    Raises:
        InputError: It is not one that ended, or its network is not one that the filter alone heeds.
    """
    network, data = load_safely(folder / KERAS_FILE)
    if not isinstance(network, Network) or network.config.heads != ("slip",):
        raise InputError(f"{folder}: its network must be an adapter with the head slip alone")
    profile = profile_of(read_record(folder / PROFILE, remedy="train anew"), str(folder / PROFILE))
    run = read_record(folder / REPORT, remedy="train anew")
    return Run(network, data, profile, {key: run[key] for key in _TOLD if key in run})


def contract_of(
    run: Run, stream: Stream, *, name: str, task: Task, version: str, license_id: str
) -> Contract:
    """What all artefacts of a bundle share."""
    return Contract.model_validate(
        {
            "schema": "bombus/bundle@1",
            "name": name,
            "version": version,
            "task": task,
            "license": license_id,
            "created": utc_now(),
            "labels_sha256": labels_sha256(()),
            "inputs": stream.inputs,
            "outputs": stream.outputs,
            "preprocess": ImuPreprocess(kind="imu", rate_hz=run.network.config.rate),
            "profile": plain(run.profile),
        }
    )
