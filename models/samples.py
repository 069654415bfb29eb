"""A photo to show things on where no data set is at hand or may be shown."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from models.errors import InputError

# As scikit-learn's datasets/images/README.txt has it.
CREDIT = "flower.jpg of scikit-learn, by vultilion (flickr.com/photos/vultilion), CC BY 2.0"


def sample_photo(name: str = "flower.jpg", instead: str = "name one") -> Path:
    """A photo that scikit-learn carries, of a flower by default; it is not imported.

    Args:
        name: Of the file: scikit-learn has `flower.jpg` and `china.jpg`.
        instead: What else to do where it is not installed.

    Raises:
        InputError: scikit-learn is not installed.
    """
    spec = importlib.util.find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"no sample photo at hand: {instead}, or pip install scikit-learn")
    return Path(spec.submodule_search_locations[0], "datasets", "images", name)
