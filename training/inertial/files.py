"""Where the data sets are, and their `.npz` files, checked before use."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError


def data_root() -> Path:
    """The folder that `BOMBUS_DATA` names.

    Raises:
        InputError: It names none, or no folder.
    """
    root = os.environ.get("BOMBUS_DATA", "")
    if not root:
        raise InputError("BOMBUS_DATA is not set: set it to the folder that holds kitti-imu")
    if not Path(root).is_dir():
        raise InputError(f"BOMBUS_DATA={root}: no such folder; set it to one that holds kitti-imu")
    return Path(root)


def names(folder: Path) -> tuple[str, ...]:
    """The `.npz` files in a folder, without their suffix, in order.

    Raises:
        InputError: There are none.
    """
    found = tuple(sorted(path.stem for path in folder.glob("*.npz")))
    if not found:
        raise InputError(f"{folder}: no .npz recordings there; set BOMBUS_DATA to their parent")
    return found


def arrays(path: Path, keys: Sequence[str]) -> list[NDArray[Any]]:
    """Some arrays of an `.npz` file.

    Raises:
        InputError: There is no such file, it is not one, or it lacks an array.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return [file[key] for key in keys]
    except FileNotFoundError:
        raise InputError(f"{path}: no such recording; see that BOMBUS_DATA is right") from None
    except KeyError as error:
        raise InputError(f"{path}: {error.args[0]}; it needs {', '.join(keys)}") from None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a readable .npz file ({error})") from None
