"""What made a result: versions and commit, as far as they can be known."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path

import pytest

from training import provenance
from training.provenance import git_commit, package_versions


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Bee", "-c", "user.email=bee@example.org"]
    command = ["git", "-C", str(root), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one commit that `git_commit` takes for its own."""
    root = tmp_path / "checkout"
    (root / "training").mkdir(parents=True)
    (root / "training" / "provenance.py").write_text("# here")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "First")
    monkeypatch.setattr(provenance, "__file__", str(root / "training" / "provenance.py"))
    return root


def test_versions_are_those_installed() -> None:
    versions = package_versions()
    assert versions["python"] == platform.python_version()
    for name in ("bombus", "keras", "tensorflow", "numpy", "opencv-python"):
        assert versions[name] == importlib.metadata.version(name)


def test_what_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name != "numpy":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.2.3"

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert package_versions() == {"python": platform.python_version(), "numpy": "1.2.3"}


def test_a_clean_checkout_is_its_commit(checkout: Path) -> None:
    assert git_commit() == git(checkout, "rev-parse", "HEAD")
    assert len(git_commit()) == 40


@pytest.mark.parametrize("name", ["training/provenance.py", "new.py"])
def test_uncommitted_work_is_marked(name: str, checkout: Path) -> None:
    (checkout / name).write_text("# changed")
    assert git_commit() == git(checkout, "rev-parse", "HEAD") + "+dirty"


def test_ignored_files_are_not_uncommitted_work(checkout: Path) -> None:
    (checkout / ".gitignore").write_text("runs/\n")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "--message", "Ignore")
    (checkout / "runs").mkdir()
    (checkout / "runs" / "model.keras").touch()
    assert not git_commit().endswith("+dirty")


def test_an_installed_package_has_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "--quiet")  # someone else's repository around it
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "site" / "training" / "p.py"))
    assert git_commit() == ""


def test_no_git_or_no_commit_is_no_error(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(checkout, "update-ref", "-d", "HEAD")
    assert git_commit() == ""
    monkeypatch.setenv("PATH", "")
    assert git_commit() == ""
