"""Reading and writing: all or nothing, and one line of what is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import InputError
from models.files import (
    read_bytes,
    read_json,
    read_record,
    reading_back,
    refuse_existing,
    remove_leftovers,
    write_text,
    writing_to,
)

ROOT = Path(__file__).parents[2]


class Interrupted(BaseException):
    """As KeyboardInterrupt, which pytest keeps to itself."""


def tree(folder: Path) -> dict[str, str | None]:
    """Every path under a folder, hidden ones too, with the content of files."""
    return {
        path.relative_to(folder).as_posix(): path.read_text() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def make(path: Path, kind: str, text: str) -> None:
    """A file, or a folder with a file in it."""
    if kind == "file":
        path.write_text(text)
    else:
        path.mkdir()
        (path / "inside.txt").write_text(text)


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("existing", [False, True])
def test_moves_into_place_at_the_end(tmp_path: Path, kind: str, existing: bool) -> None:
    target = tmp_path / "deep" / "er" / "x.keras"
    if existing:
        target.parent.mkdir(parents=True)
        make(target, kind, "old")
    with writing_to(target) as temporary:
        assert temporary.suffix == ".keras"
        make(temporary, kind, "new")
        assert target.exists() == existing
    made = {"x.keras": "new"} if kind == "file" else {"x.keras": None, "x.keras/inside.txt": "new"}
    assert tree(target.parent) == made


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    make(target, "folder", "old")
    (target / "left.txt").write_text("over")
    with writing_to(target) as temporary:
        temporary.mkdir()
    assert tree(tmp_path) == {"bundle": None}


def fail_after(temporary: Path, kind: str, error: type[BaseException]) -> None:
    make(temporary, kind, "half")
    raise error("stop")


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("error", [ValueError, OSError, Interrupted])
def test_a_failure_leaves_all_as_it_was(
    tmp_path: Path, kind: str, existing: bool, error: type[BaseException]
) -> None:
    target = tmp_path / "x"
    if existing:
        make(target, kind, "old")
    before = tree(tmp_path)
    with pytest.raises(InputError if error is OSError else error), writing_to(target) as temporary:
        fail_after(temporary, kind, error)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("failing", [1, 2])
@pytest.mark.parametrize("error", [OSError, Interrupted])
def test_a_failure_at_the_last_moment_puts_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, error: type[BaseException]
) -> None:
    target = tmp_path / "bundle"
    make(target, "folder", "old")
    before, calls, replace = tree(tmp_path), [], Path.replace

    def failing_replace(self: Path, new: Path) -> Path:
        calls.append(new)
        if len(calls) == failing:
            raise error("stop")
        return replace(self, new)

    monkeypatch.setattr(Path, "replace", failing_replace)
    with (
        pytest.raises(InputError if error is OSError else error),
        writing_to(target) as temporary,
    ):
        make(temporary, "folder", "new")
    assert len(calls) >= failing
    assert tree(tmp_path) == before


def test_what_a_killed_process_leaves_is_found_and_removed(tmp_path: Path) -> None:
    whole = tmp_path / "deep" / "whole.txt"
    write_text(whole, "kept")
    unfinished = writing_to(whole)
    with unfinished.__enter__().open("w") as file:  # and no exit, as a kill has none
        file.write("half")
    assert len(list(whole.parent.iterdir())) == 2
    remove_leftovers(tmp_path)
    assert [path.read_text() for path in whole.parent.iterdir()] == ["kept"]


@pytest.mark.parametrize(("old", "new"), [("file", "folder"), ("folder", "file")])
def test_a_file_and_a_folder_do_not_replace_each_other(tmp_path: Path, old: str, new: str) -> None:
    target = tmp_path / "x"
    make(target, old, "old")
    before = tree(tmp_path)
    with pytest.raises(InputError, match="cannot be written"), writing_to(target) as temporary:
        make(temporary, new, "new")
    assert tree(tmp_path) == before


def test_nothing_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"), writing_to(tmp_path / "x"):
        pass
    assert tree(tmp_path) == {}


def test_an_error_for_people_goes_through(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^mine$"), writing_to(tmp_path / "x"):
        raise InputError("mine")


def test_text_is_utf8_with_plain_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    write_text(path, "Ähre\nGänseblümchen\n")
    assert path.read_bytes() == "Ähre\nGänseblümchen\n".encode()
    write_text(path, "")
    assert path.read_bytes() == b""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc and /sys are Linux's")
@pytest.mark.parametrize("place", ["/proc/bombus.txt", "/proc/new/x.txt", "/sys/bombus.txt"])
def test_a_read_only_place_is_told_in_a_line(place: str) -> None:
    with pytest.raises(InputError) as caught:
        write_text(Path(place), "text")
    message = str(caught.value)
    assert message.startswith(f"{place}: cannot be written (")
    assert message.endswith("free space or choose another place")
    assert "\n" not in message


def test_a_file_in_the_way_is_told_in_a_line(tmp_path: Path) -> None:
    make(tmp_path / "x", "file", "old")
    with pytest.raises(InputError, match="cannot be written"):
        write_text(tmp_path / "x" / "y.txt", "text")
    assert tree(tmp_path) == {"x": "old"}


# A limit on the size of a file fails in write() as a full disk does. The command is one that
# writes what it is given, so that the exit code is the one a person would see.
FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import bombus, models.cli
from models.files import write_text, writing_to

def fill(folder):
    if sys.argv[2] == "text":
        write_text(folder, "x" * 100_000)
    with writing_to(folder) as temporary:
        temporary.mkdir()
        (temporary / "small").write_bytes(b"x")
        (temporary / "large").write_bytes(bytes(100_000))

models.cli.list_bundles = fill
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
sys.exit(bombus.run(["models", "list", "--dir", sys.argv[1]]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on the size of a file there")
@pytest.mark.parametrize(("what", "kind"), [("text", "file"), ("folder", "folder")])
@pytest.mark.parametrize("existing", [False, True])
def test_a_full_disk_exits_2_and_leaves_all_as_it_was(
    tmp_path: Path, what: str, kind: str, existing: bool
) -> None:
    target = tmp_path / "x"
    if existing:
        make(target, kind, "old")
    before = tree(tmp_path)
    command = [sys.executable, "-B", "-c", FULL_DISK, str(target), what]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"bombus: {target}: cannot be written (")
    assert tree(tmp_path) == before


def test_existing_is_refused_without_force(tmp_path: Path) -> None:
    make(tmp_path / "x", "file", "old")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("x", "link"):
        with pytest.raises(InputError, match="--force"):
            refuse_existing(tmp_path / name, force=False)
        refuse_existing(tmp_path / name, force=True)
    refuse_existing(tmp_path / "new", force=False)


def test_what_cannot_be_read_is_told_in_a_line(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.jpg", tmp_path / ("x" * 300)):
        with pytest.raises(InputError, match="cannot be read") as caught:
            read_bytes(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}", b'{"a": 1} x'])
def test_what_is_not_json_is_told_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "training.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"training\.json: not JSON .*; train it anew$") as caught:
        read_json(path, "train it anew")
    assert "\n" not in str(caught.value)


def test_a_record_is_an_object_with_the_keys_that_its_reader_needs(tmp_path: Path) -> None:
    path = tmp_path / "training.json"
    path.write_text('{"val": 1, "start": null, "more": []}')
    assert read_record(path, "val", "start") == {"val": 1, "start": None, "more": []}
    with pytest.raises(InputError, match=r"training\.json: does not say recipe, seed; remove it"):
        read_record(path, "recipe", "val", "seed")


@pytest.mark.parametrize("content", ["[]", "3", "null", '"val"'])
def test_json_of_another_shape_is_no_record(tmp_path: Path, content: str) -> None:
    path = tmp_path / "training.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"training\.json: holds .*, not a record; train it anew$"):
        read_record(path, remedy="train it anew")


def test_what_cannot_be_read_back_is_named() -> None:
    said = r"^kept\.npy: damaged \(no numbers\); remove it, and run"
    with pytest.raises(InputError, match=said), reading_back(Path("kept.npy")):
        raise ValueError("no numbers\nbut words")
    with pytest.raises(Interrupted), reading_back(Path("kept.npy")):
        raise Interrupted
