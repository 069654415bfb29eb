"""`make bench`: the shipped flower model on every runtime, in turns, one thread.

The quantized artefacts are the shipped ones; the two float ones are remade from the shipped
`.keras`. Quote the ratios; the milliseconds belong to the machine.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bombus import silence_native_code
from export.speed.benchmark import Timing, benchmark, machine
from models.bundle import Bundle, find_bundle
from models.runtime import available_runtimes


def main() -> None:
    """Command line: `python -m benchmarks.flowers [--bundle NAME] [--rounds N] [--json]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default="flowers")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    silence_native_code()
    with tempfile.TemporaryDirectory(prefix="bombus-bench-") as folder:
        files = _files(find_bundle(options.bundle), Path(folder))
        contenders = {
            "Keras predict": f"keras-predict:{files['keras']}",
            "Keras compiled function": f"keras-function:{files['keras']}",
            "LiteRT f32": f"litert:{files['tflite f32']}",
            "LiteRT int8": f"litert:{files['tflite wi8_ai8']}",
            "ONNX Runtime f32": f"onnxruntime:{files['onnx f32']}",
            "ONNX Runtime int8": f"onnxruntime:{files['onnx wi8_ai8']}",
        }
        if "tflite-runtime" in available_runtimes("tflite"):
            contenders["tflite-runtime f32"] = f"tflite-runtime:{files['tflite f32']}"
        timings = dict(
            zip(contenders, benchmark(list(contenders.values()), options.rounds), strict=True)
        )
        sizes = {
            name: Path(contender.partition(":")[2]).stat().st_size / 1e6
            for name, contender in contenders.items()
        }
    if options.json:
        print(json.dumps({name: asdict(t) | {"mb": sizes[name]} for name, t in timings.items()}))
    else:
        Console(width=max(Console().width, 100)).print(_table(timings, sizes))
        print(f"one thread, batch 1, {next(iter(timings.values())).runs} runs each, {machine()}")


def _files(bundle: Bundle, folder: Path) -> dict[str, Path]:
    """Every file to time, by format and scheme."""
    from export.conversion.quantize import tflite
    from export.conversion.served import INPUT, Named, saved_model, to_onnx
    from export.image.heads import dissect, with_heads
    from export.load import load_keras

    files: dict[str, Path] = {}
    for artefact in bundle.manifest.artefacts:
        key = "keras" if artefact.format == "keras" else f"{artefact.format} {artefact.scheme}"
        files[key] = folder / artefact.file
        files[key].write_bytes(bundle.read(artefact))
    source, output = load_keras(files["keras"]), bundle.manifest.outputs[0].name
    model = with_heads(source.model, output, dissect(source.model), None)
    endpoint = Named(model, (INPUT,))
    if "tflite f32" not in files:
        files["tflite f32"] = folder / "f32.tflite"
        with saved_model(endpoint) as saved:
            files["tflite f32"].write_bytes(tflite(saved, "f32", None))
    if "onnx f32" not in files:
        files["onnx f32"] = folder / "f32.onnx"
        files["onnx f32"].write_bytes(to_onnx(endpoint).SerializeToString())
    return files


def _table(timings: dict[str, Timing], sizes: dict[str, float]) -> Table:
    """Milliseconds, the ratio to LiteRT f32, file size, load time, peak memory."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = ("", "min ms", "median", "p95", "x LiteRT f32", "file MB", "load ms", "peak MB")
    for column in columns:
        table.add_column(column, justify="right" if column else "left")
    base = timings["LiteRT f32"].median_ms
    for name, t in timings.items():
        table.add_row(
            name,
            f"{t.min_ms:.2f}",
            f"{t.median_ms:.2f}",
            f"{t.p95_ms:.2f}",
            f"{t.median_ms / base:.2f}",
            f"{sizes[name]:.2f}",
            f"{t.load_ms:.0f}",
            f"{t.peak_mb:.0f}",
        )
    return table


if __name__ == "__main__":
    main()
