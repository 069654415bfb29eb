"""What made a result: versions, commit, machine. Written beside everything that training makes."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path

_PACKAGES = ("bombus", "keras", "tensorflow", "jax", "torch", "numpy", "opencv-python")


def package_versions() -> dict[str, str]:
    """Versions of the packages that decide a training's result, as far as installed."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def machine() -> str:
    """The processor as far as the system tells, and what else Keras computes on."""
    import keras

    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    others = [device for device in keras.distribution.list_devices() if "cpu" not in device]
    return ", ".join([processor, *others])


def shown_path(path: Path | str) -> str:
    """A path as a page may state it: one inside the working folder, or the last part alone."""
    path = Path(path)
    inside = not path.is_absolute() and ".." not in path.parts
    return path.as_posix() if inside else path.name


def git_commit() -> str:
    """The commit of this checkout, `+dirty` with uncommitted changes; empty outside a checkout."""
    root = Path(__file__).parent.parent
    if not (root / ".git").exists():
        return ""
    try:
        head = _git(root, "rev-parse", "HEAD")
        return head + ("+dirty" if _git(root, "status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
