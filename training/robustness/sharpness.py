"""Photos of equal sharpness: does a classifier tell a class by how sharp its photos are?"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.robustness.corruptions import Photo

STEPS = 7  # of the bisection: the blur is within 1 % of its bracket


def sharpness(photo: Photo) -> float:
    """The variance of the Laplacian of the grey photo [S, S, 3], in squared grey levels.

    The focus measure LAPV of Pertuz, Puig and Garcia (2013): what a photo has of fine detail, which
    is its subject's as well as its lens's.
    """
    return _detail(_grey(photo))


def class_sharpness(
    values: NDArray[np.float64], targets: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """The median sharpness of each class [K], of photos' values and classes [N]; NaN of none."""
    return np.array(
        [np.median(values[targets == c]) if c in targets else np.nan for c in range(classes)]
    )


def blurred_to(photo: Photo, target: float) -> Photo:
    """The photo under the weakest Gaussian blur that leaves it no sharper than a target.

    Args:
        photo: RGB uint8 [S, S, 3].
        target: In units of `sharpness`, above 0.

    Returns:
        The same shape and dtype; a photo that is not sharper stays as it is.
    """
    grey = _grey(photo)
    if _detail(grey) <= target:
        return photo
    low, high = 0.0, 0.25  # standard deviations of the blur, px
    while _detail(_blurred(grey, high)) > target and high < len(photo):
        low, high = high, 2 * high
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _detail(_blurred(grey, middle)) > target:
            low = middle
        else:
            high = middle
    return np.asarray(np.rint(_blurred(photo.astype(np.float32), high)), np.uint8)


def _grey(photo: Photo) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), np.float32)


def _detail(grey: NDArray[np.float32]) -> float:
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def _blurred(image: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    return np.asarray(
        cv2.GaussianBlur(image, (0, 0), deviation, borderType=cv2.BORDER_REFLECT_101), np.float32
    )
