"""Checkpoints from which a run goes on after a kill at any point.

After every epoch the stage's weights (model and optimizer) are written to a file of their own,
then `state.json` is replaced in one step. What the state names is therefore always whole.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import keras

from models.errors import InputError
from models.files import reading_back, write_text, writing_to

_BLOCK = bytes(2**16)

Epoch = dict[str, float]
History = list[Epoch]


def best_epoch(history: History) -> int:
    """Index of the best epoch: highest validation accuracy, then lowest validation loss."""
    return max(
        range(len(history)), key=lambda i: (history[i]["val_accuracy"], -history[i]["val_loss"])
    )


def require_key(out: Path, found: str, key: str) -> None:
    """Raise `InputError` where a run's folder was begun with another key."""
    if found != key:
        raise InputError(f"{out}: holds a run with another recipe or data; choose another --out")


class Checkpoint:
    """The state of one training run, in one folder."""

    def __init__(self, folder: Path, key: str) -> None:
        """Open the state in a folder, or begin one.

        Args:
            folder: Made on the first save.
            key: Fingerprint of recipe and data.

        Raises:
            InputError: The folder holds a run with another key, or no readable state.
        """
        self.folder, self.key = folder, key
        self._state = folder / "state.json"
        self._histories: dict[str, History] = {}
        if self._state.exists():
            try:
                saved = json.loads(self._state.read_text(encoding="utf-8"))
                saved_key, self._histories = saved["key"], saved["history"]
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(
                    f"{self._state}: not a training state; choose another --out"
                ) from error
            require_key(folder.parent, saved_key, key)

    def history(self, stage: str) -> History:
        """One record per finished epoch of a stage."""
        return list(self._histories.get(stage, []))

    def save(self, stage: str, history: History, model: keras.Model) -> None:
        """Save the model after the last epoch of `history`; drop files no longer needed."""
        self.require_room(model)
        with writing_to(self.latest(stage, history)) as temporary:
            model.save_weights(temporary)
        self._histories[stage] = history
        text = json.dumps({"key": self.key, "history": self._histories}, indent=1)
        write_text(self._state, text)
        needed = {self.latest(stage, history)}
        needed |= {self.best(s, h) for s, h in self._histories.items()}
        for old in set(self.folder.glob("*.weights.h5")) - needed:
            old.unlink()

    def restore(self, model: keras.Model, path: Path) -> None:
        """Load the weights that an epoch left.

        Raises:
            InputError: They are damaged.
        """
        with reading_back(path, f"remove {self.folder}, and the run begins anew"):
            model.load_weights(path)

    def require_room(self, model: keras.Model) -> None:
        """Raise `InputError` where the disk has no room for a checkpoint of this model.

        HDF5 does not survive a disk that fills up under it: it complains at length and may crash.
        """
        variables = [*model.variables, *model.optimizer.variables]
        numbers = sum(math.prod(variable.shape) for variable in variables)
        trial = self.folder / "room"
        with writing_to(trial) as temporary, temporary.open("wb") as file:
            for _ in range(4 * (numbers + 1024 * len(variables)) // len(_BLOCK) + 1):
                file.write(_BLOCK)
        trial.unlink()

    def latest(self, stage: str, history: History) -> Path:
        """The weights after the last epoch."""
        return self._path(stage, len(history) - 1)

    def best(self, stage: str, history: History) -> Path:
        """The weights after the best epoch."""
        return self._path(stage, best_epoch(history))

    def _path(self, stage: str, epoch: int) -> Path:
        return self.folder / f"{stage}-{epoch:03d}.weights.h5"
