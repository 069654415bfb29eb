"""`bombus app`: recognise photos and map scenes on this device, and serve the app to phones."""

from __future__ import annotations

import json
import webbrowser
from contextlib import closing, suppress
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.errors import InputError

if TYPE_CHECKING:
    from models.bundle import Bundle

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Recognise photos, and map scenes, on the device itself.",
)

Artefact = Annotated[str, typer.Option(help="File in the bundle; default: its choice.")]
Runtime = Annotated[str, typer.Option(help="litert, tflite-runtime or onnxruntime.")]
Threads = Annotated[int, typer.Option(min=1, max=64, help="Threads an inference may use.")]
OneBundle = Annotated[str, typer.Option(help="A shipped bundle's name or a folder.")]
Bundles = Annotated[
    list[str] | None,
    typer.Option("--bundle", help="A shipped bundle's name or a folder; the first is the default."),
]


@app.callback()
def group() -> None:
    """Recognise photos, and map scenes, on the device itself."""


@app.command()
def classify(
    photos: Annotated[
        list[Path], typer.Argument(help="Photos: JPEG, PNG, WebP, BMP; HEIC where OpenCV can.")
    ],
    bundle: OneBundle = "flowers",
    artefact: Artefact = "",
    runtime: Runtime = "",
    top: Annotated[int, typer.Option(min=1, help="Guesses a photo.")] = 3,
    threads: Threads = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list on output.")] = False,
) -> None:
    """Print what is on each photo, with confidence.

    A photo that cannot be read is reported on its own line; the others are still recognised, and
    the exit code is 2.

    Example: bombus app classify rose.jpg garden/*.webp
    """
    from models.bundle import find_bundle
    from models.classify import Recogniser

    recogniser = Recogniser(
        find_bundle(bundle), artefact=artefact, runtime=runtime, threads=threads
    )
    results: list[dict[str, Any]] = []
    failed = 0
    for photo in photos:
        try:
            verdict = recogniser.classify_file(photo, top)
        except InputError as error:
            failed += 1
            results.append({"photo": str(photo), "error": str(error)})
            typer.echo(f"bombus: {error}", err=True)
            continue
        results.append({"photo": str(photo), **asdict(verdict)})
        if not as_json:
            typer.echo(f"{photo}: {verdict}")
    if as_json:
        typer.echo(json.dumps(results))
    if failed:
        raise typer.Exit(InputError.exit_code)


@app.command()
def camera(
    device: Annotated[str, typer.Option(help="The camera's number, or its path.")] = "0",
    video: Annotated[Path | None, typer.Option(help="A film instead of a camera.")] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="JSON lines on output instead of a window.")
    ] = False,
    every: Annotated[float, typer.Option(min=0, help="Seconds between verdicts.")] = 0.5,
    count: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many verdicts; default: never.")
    ] = None,
    bundle: OneBundle = "flowers",
    artefact: Artefact = "",
    runtime: Runtime = "",
    top: Annotated[int, typer.Option(min=1, help="Guesses a verdict.")] = 3,
    threads: Threads = 1,
) -> None:
    """Recognise what a camera sees, in a window or as JSON lines.

    A line holds the time in seconds since the first frame, the frame's number, the verdict (kind,
    known, guesses; smoothed over the last frames) and the milliseconds that this frame took.

    Example: bombus app camera --headless --every 1 --count 10
    """
    from edge_app.camera import Watcher, camera_frames, film_frames, show, watch
    from models.bundle import find_bundle
    from models.classify import Recogniser

    recogniser = Recogniser(
        find_bundle(bundle), artefact=artefact, runtime=runtime, threads=threads
    )
    frames = film_frames(video) if video else camera_frames(device)
    stream = watch(frames, Watcher(recogniser, top).look, every)
    seen = stream if headless else show(stream)
    with suppress(KeyboardInterrupt), closing(frames), closing(seen):
        for frame, sighting in islice(((f, s) for f, s in seen if s), count):
            if headless:
                verdict = asdict(sighting.verdict)
                line = {"time": round(frame.seconds, 3), "frame": frame.number, **verdict}
                typer.echo(json.dumps(line | {"milliseconds": sighting.milliseconds}))


@app.command()
def serve(
    bundle: Bundles = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0: all, for phones on this network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8080,
    https: Annotated[
        bool, typer.Option("--https", help="TLS with a certificate that this machine signs.")
    ] = False,
    certificate: Annotated[
        Path | None, typer.Option(help="TLS with this certificate (PEM) instead.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="Its key (PEM); default: in the same file.")
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open it in the browser here.")] = False,
) -> None:
    """Serve the app, until Ctrl-C.

    Other devices run the app from https only. An Android phone on a USB cable takes http, too:
    `adb reverse tcp:8080 tcp:8080`, then http://localhost:8080/ on the phone.

    Example: bombus app serve --host 0.0.0.0 --https
    """
    from edge_app.certificate import load_context, self_signed
    from edge_app.network import announcement, network_address
    from edge_app.serve import SiteServer
    from edge_app.site import build_site

    if key and not certificate:
        raise InputError("--key without --certificate; give both")
    site = build_site(_find_bundles(bundle))
    address = network_address(host)
    context = None
    if certificate:
        context = load_context(certificate, key)
    elif https:
        context = load_context(self_signed({"localhost", "127.0.0.1", "::1", address} - {""}))
    with SiteServer(site, host, port, context) as server:
        typer.echo(f"the app: {server.url} (Ctrl-C stops it)")
        if address:
            typer.echo(announcement(server.url_at(address), trusted=certificate is not None))
        if open_page:
            webbrowser.open(server.url)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


@app.command()
def site(
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    bundle: Bundles = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the site at --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What was written, as JSON.")] = False,
) -> None:
    """Write the app and its models as a folder for any static web host.

    Example: bombus app site --bundle flowers --out public
    """
    from edge_app.site import build_site, write_site

    built = build_site(_find_bundles(bundle))
    write_site(built, out, force=force)
    size = sum(len(asset.data) for asset in built.values())
    if as_json:
        typer.echo(json.dumps({"out": str(out), "files": list(built), "bytes": size}))
    else:
        typer.echo(f"{out}: {len(built)} files, {size / 1e6:.1f} MB")


@app.command("map")
def map_pixels(
    scene: Annotated[Path, typer.Argument(help="A GeoTIFF of counts or reflectances.")],
    out: Annotated[
        Path, typer.Option(help="A folder to write; or a .tif file for the classes alone.")
    ],
    bundle: OneBundle = "spectral",
    artefact: Artefact = "",
    runtime: Runtime = "",
    indices: Annotated[
        bool, typer.Option("--indices", help="Write the model's spectral indices, too.")
    ] = False,
    confidence: Annotated[
        bool, typer.Option("--confidence", help="Write each class's probability, too, in percent.")
    ] = False,
    bands: Annotated[
        str, typer.Option(help="Names of all the scene's bands in its order: B2,B3,…")
    ] = "",
    scale: Annotated[
        float | None, typer.Option(help="Value = (count + offset) x scale; default: the file's.")
    ] = None,
    offset: Annotated[float | None, typer.Option(help="As above; Sentinel-2: 0 or -1000.")] = None,
    nodata: Annotated[
        float | None, typer.Option(help="The count that is no measurement; default: the file's.")
    ] = None,
    threads: Threads = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace the map at --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What was mapped, as JSON.")] = False,
) -> None:
    """Classify every pixel of a satellite scene.

    What the scene's file does not say of its counts is taken from the bundle. A pixel that is
    nodata, zero in every band, negative or not a number in any gets no class, and is counted.

    Example: bombus app map scene.tif --out map --indices
    """
    from edge_app.map.model import Layers, PixelModel
    from edge_app.map.run import Mapping, map_scene, reasons, shares
    from edge_app.map.scene import open_scene, scaling_of
    from models.bundle import find_bundle

    model = PixelModel(find_bundle(bundle), artefact=artefact, runtime=runtime, threads=threads)
    names = [name for name in bands.split(",") if name.strip()]
    with open_scene(
        scene,
        model.bands,
        names=names,
        nodata=nodata,
        usual_nodata=model.nodata,
        threads=threads,
    ) as opened:
        for note in opened.notes:
            typer.echo(f"bombus: {note}", err=True)
        scaling = scaling_of(opened, model.trained, scale, offset)
        mapping = Mapping(opened, model, scaling, Layers(confidence, indices))
        tally = map_scene(mapping, out, force=force)
        height, width = opened.shape
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "out": str(out),
                    "width": width,
                    "height": height,
                    "classes": dict(zip(model.labels, tally.classes.tolist(), strict=True)),
                    "no_class": tally.reasons,
                    "scale": scaling.scale,
                    "offset": scaling.offset,
                    "artefact": model.artefact.file,
                    "runtime": model.runtime,
                }
            )
        )
        return
    typer.echo(f"{out}: {width} x {height} pixels, {', '.join(shares(model.labels, tally))}")
    if tally.reasons:
        typer.echo(f"without a class: {', '.join(reasons(tally))}")


def _find_bundles(names: list[str] | None) -> list[Bundle]:
    from models.bundle import find_bundle

    return [find_bundle(name) for name in names or ["flowers"]]
