"""A photo to show things on where no data set is at hand or may be shown."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from models.errors import InputError

# As scikit-learn's datasets/images/README.txt has it.
CREDIT = "flower.jpg of scikit-learn, by vultilion (flickr.com/photos/vultilion), CC BY 2.0"


def sample_photo() -> Path:
    """The photo of a flower that scikit-learn carries; it is not imported.

    Raises:
        InputError: scikit-learn is not installed.
    """
    spec = importlib.util.find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("no sample photo at hand: name one, or pip install scikit-learn")
    return Path(spec.submodule_search_locations[0], "datasets", "images", "flower.jpg")
