"""`bombus export benchmark` as people call it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from export.conversion.graphs import tflite_operations
from export.speed.benchmark import cores
from export.speed.worker import CALLS
from models.bundle import SHIPPED
from models.runtime import available_runtimes
from tests.tiny_bundles import write_tiny

Bombus = Callable[..., tuple[int, str, str]]
STEP = SHIPPED / "localizer"
QUICK = ("export", "benchmark", "--rounds", "1", "--threads", "1")
ONE = (*QUICK, "--runtimes", "litert")


def test_reports_every_file_on_every_runtime(bombus: Bombus) -> None:
    code, out, _ = bombus(*QUICK, "localizer", "--json")
    assert code == 0
    report = json.loads(out)
    assert report["machine"]
    assert report["versions"]["ai-edge-litert"]
    files = {path.name for path in STEP.iterdir() if path.suffix in {".tflite", ".onnx"}}
    expected = {
        (file, runtime) for file in files for runtime in available_runtimes(file.rpartition(".")[2])
    }
    rows = {(Path(row["file"]).name, row["runtime"]): row for row in report["rows"]}
    assert rows.keys() == expected
    single = rows["localizer_f32.tflite", "litert"]
    half = rows["localizer_f16.tflite", "litert"]
    assert single["ratio"] == 1
    assert half["ratio"] == pytest.approx(half["median_ms"] / single["median_ms"])
    assert half["runs"] == CALLS
    assert half["mb"] == (STEP / "localizer_f16.tflite").stat().st_size / 1e6
    assert {file for (file, _), row in rows.items() if row["default"]} == {"localizer_f32.tflite"}


@pytest.mark.skipif(
    "tflite-runtime" not in available_runtimes("tflite"), reason="tflite-runtime is not installed"
)
def test_a_runtime_too_old_for_a_file_is_a_line(bombus: Bombus) -> None:
    old = STEP / "localizer_wi8_afp32.tflite"
    code, out, _ = bombus(*QUICK, old)
    assert code == 0
    assert "localizer_wi8_afp32.tflite on tflite-runtime: tflite-runtime cannot load it (" in out
    code, _, error = bombus(*QUICK, old, "--runtimes", "tflite-runtime")
    assert code == 3
    assert "FULLY_CONNECTED" in error


def test_nothing_that_ran_is_a_failure(bombus: Bombus, tmp_path: Path) -> None:
    model = write_tiny(tmp_path / "tiny").path / "tiny_f32.onnx"
    code, _, error = bombus(*ONE, model)
    assert code == 3
    assert "none of litert reads these files" in error


def test_budgets(bombus: Bombus) -> None:
    code, out, error = bombus(*ONE, "localizer", "--max-ms", "1e-6", "--max-mb", "1e-3")
    assert code == 5
    assert "localizer_f16.tflite" in out  # the report is there all the same
    size, speed = error.splitlines()
    megabytes = (STEP / "localizer_f32.tflite").stat().st_size / 1e6
    assert f"localizer_f32.tflite: {megabytes:.3g} MB, the limit is 0.001 MB" in size
    assert "ms (median, litert, 1 thread), the limit is 1e-06 ms" in speed
    code, _, error = bombus(*ONE, "localizer", "--max-mb", "1e-3", "--all")
    assert code == 5
    assert len(error.splitlines()) == 3
    assert bombus(*ONE, "localizer", "--max-ms", "1e6", "--max-mb", "1")[0] == 0


def test_threads_are_no_more_than_cores(bombus: Bombus) -> None:
    file = STEP / "localizer_f32.tflite"
    code, out, _ = bombus(*ONE, file, "--threads", f"1,{cores() + 1}", "--json")
    assert code == 0
    report = json.loads(out)
    assert [row["threads"] for row in report["rows"]] == [1]
    assert f"not timed with {cores() + 1} threads" in report["notes"][0]
    for threads in (f"{cores() + 1}", "two", "0", "1,-1"):
        code, _, error = bombus(*ONE, file, "--threads", threads)
        assert code == 2
        assert "--threads" in error


def test_says_where_the_time_goes(bombus: Bombus, tmp_path: Path) -> None:
    stray = shutil.copy(STEP / "localizer_f16.tflite", tmp_path / "stray.tflite")
    code, out, _ = bombus(*ONE, stray, "--profile")
    assert code == 0
    assert "each operation alone" in out
    kinds = {op.kind for op in tflite_operations(Path(stray).read_bytes())} - {"DEQUANTIZE"}
    words = out.split()
    assert kinds <= set(words)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["missing.tflite"], 2, "missing.tflite"),
        (["nowhere"], 2, "no bundle there"),
        ([STEP / "localizer.keras"], 2, "a keras file; give a .tflite or .onnx file"),
        ([STEP, "--runtimes", "lite"], 2, "are known"),
        ([STEP, "--threads", "2", "--max-ms", "1"], 2, "--threads"),
    ],
)
def test_mistakes(bombus: Bombus, arguments: list[object], code: int, said: str) -> None:
    found, _, error = bombus(*ONE, *arguments)
    assert found == code
    assert said in error


def test_damaged_files_are_not_run(bombus: Bombus, tmp_path: Path) -> None:
    (tmp_path / "cut.tflite").write_bytes((STEP / "localizer_f32.tflite").read_bytes()[:5000])
    assert bombus(*ONE, tmp_path / "cut.tflite")[0] == 6
    bundle = write_tiny(tmp_path / "tiny")
    file = bundle.path / "tiny_f32.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert bombus(*QUICK, bundle.path)[0] == 6
