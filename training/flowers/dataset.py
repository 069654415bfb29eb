"""From class folders to batches: splits, a decoded cache on disk, reproducible order."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.files import reading_back, writing_to
from models.metrics import Scores, score
from models.photos import LabelledPhotos, scan_class_folders
from models.preprocess import load_photo
from models.progress import track

UNLABELLED = -1  # the target of a photo without a label


@dataclass(frozen=True)
class Splits:
    """The photos to learn from, to choose by, and (where there are any) to report on."""

    train: LabelledPhotos
    val: LabelledPhotos
    test: LabelledPhotos | None

    @property
    def labels(self) -> tuple[str, ...]:
        """The class names."""
        return self.train.labels

    def items(self) -> list[tuple[str, LabelledPhotos]]:
        """(name, photos) of each split there is."""
        named = [("train", self.train), ("val", self.val), ("test", self.test)]
        return [(name, photos) for name, photos in named if photos is not None]


def load_splits(root: Path, seed: int) -> Splits:
    """Find the splits under a folder.

    Args:
        root: Either `train/`, `val/` and optionally `test/`, each a folder of class folders; or
            class folders directly, of which 10 % become `val` and 10 % `test`. Copies of one
            photo (same bytes) never end on two sides.
        seed: Decides the split where the folder does not.

    Raises:
        InputError: No such folder, fewer than two classes, or splits with different classes.
    """
    if not (root / "train").is_dir():
        return _split(scan_class_folders(root), seed)
    if not (root / "val").is_dir():
        raise InputError(f"{root}: has train/ but no val/; a model is chosen on val")
    train = scan_class_folders(root / "train")
    val = scan_class_folders(root / "val", train.labels)
    has_test = (root / "test").is_dir()
    test = scan_class_folders(root / "test", train.labels) if has_test else None
    return Splits(train, val, test)


def _split(photos: LabelledPhotos, seed: int) -> Splits:
    """Per class, distinct contents are dealt out: 10 % val, 10 % test, at least one each."""
    rng = np.random.default_rng(seed)
    side = np.zeros(len(photos), np.int64)
    sides: dict[str, int] = {}
    for c, label in enumerate(photos.labels):
        members = np.flatnonzero(photos.targets == c)
        contents = sorted({photos.digests[i] for i in members} - sides.keys())
        if len(contents) < 3:
            raise InputError(
                f"{photos.root / label}: {len(contents)} distinct photos; "
                "a class needs at least 3 to be split into train, val and test"
            )
        held = max(1, round(0.1 * len(contents)))
        for rank, k in enumerate(rng.permutation(len(contents))):
            sides[contents[k]] = 1 if rank < held else 2 if rank < 2 * held else 0
        side[members] = [sides[photos.digests[i]] for i in members]
    train, val, test = (photos.take(np.flatnonzero(side == s)) for s in range(3))
    return Splits(train, val, test)


def decoded(photos: LabelledPhotos, size: int, folder: Path, name: str) -> NDArray[np.uint8]:
    """All photos decoded and prepared, as a memory map made once.

    Args:
        photos: N photos that decode (audit them first).
        size: Side of the square, in pixels.
        folder: Cache folder.
        name: What the split is called.

    Returns:
        [N, size, size, 3] uint8 RGB, backed by a file.
    """
    path = folder / f"{name}-{size}-{photos.sha256[:16]}.npy"
    if not path.exists():
        # Not written as a memory map: on a full disk that ends in SIGBUS, this in an OSError.
        with writing_to(path) as temporary, temporary.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (len(photos), size, size, 3)}
            np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]
            with ThreadPoolExecutor() as pool:
                rows = pool.map(lambda p: load_photo(p, size), photos.paths)
                for row in track(rows, len(photos), f"decode {name}"):
                    file.write(row.tobytes())
    with reading_back(path):
        return np.asarray(np.load(path, mmap_mode="r"))


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches (x [B, ...] float32, y [B, K] class shares float32), set by seed and epoch."""

    def __init__(
        self,
        x: NDArray[Any],
        targets: NDArray[np.int64],
        classes: int,
        batch_size: int,
        *,
        order_seed: tuple[int, ...] | None = None,
        mixup: float = 0.0,
        smoothing: float = 0.0,
    ) -> None:
        """Rows in batches.

        Args:
            x: [N, ...] rows.
            targets: [N] class indices, or `UNLABELLED`: no share of any class.
            classes: K.
            batch_size: B.
            order_seed: (seed, ..., epoch) of the shuffle; None keeps the order.
            mixup: Parameter of the Beta distribution of the blend of each row with another of its
                batch; 0 for none. It needs an order_seed.
            smoothing: Part of a label that is spread over all classes. Not left to Keras's loss,
                which would give it to rows without a label, too.
        """
        super().__init__()
        self.x, self.targets, self.classes, self.batch_size = x, targets, classes, batch_size
        self.order_seed, self.mixup, self.smoothing = order_seed or (), mixup, smoothing
        rows = np.arange(len(targets))
        self.order = (
            rows if order_seed is None else np.random.default_rng(order_seed).permutation(rows)
        )

    def release(self) -> None:
        """Let go of the rows: TensorFlow keeps all that it was ever fed from."""
        self.x = self.x[:0].copy()

    def __len__(self) -> int:
        return math.ceil(len(self.targets) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        x = np.asarray(self.x[rows], np.float32)
        y = self._shares(self.targets[rows])
        if self.mixup:
            rng = np.random.default_rng((*self.order_seed, index))
            share = rng.beta(self.mixup, self.mixup, len(rows)).astype(np.float32)
            x, y = _blend(x, share), _blend(y, share)
        return x, y

    def _shares(self, targets: NDArray[np.int64]) -> NDArray[np.float32]:
        """Class shares [B, K]; they sum to 1, or to 0 without a label."""
        certain = np.asarray(targets[:, None] == np.arange(self.classes), np.float32)
        spread = certain.sum(1, keepdims=True) / self.classes
        return np.asarray((1 - self.smoothing) * certain + self.smoothing * spread, np.float32)


def scored(model: keras.Model, pixels: NDArray[np.uint8], targets: NDArray[np.int64]) -> Scores:
    """What a classifier is worth on photos [N, S, S, 3] of known classes [N]."""
    batches = Batches(pixels, targets, model.output_shape[-1], 32)
    return score(model.predict(batches, verbose=0), targets)


def _blend(rows: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each of [B, ...] rows with its mirror image in the batch, which is shuffled already."""
    own = share.reshape(-1, *[1] * (rows.ndim - 1))
    return own * rows + (1 - own) * rows[::-1]
