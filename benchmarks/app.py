"""`make bench`: the app in a browser beside the native runtime, and what a visit costs.

The same photo is looked at by both in turns, each on one thread, from upright pixels to outputs.
Quote the ratio; the milliseconds belong to the machine. A visit is timed from the navigation to
the first verdict: cold on a fresh profile, warm on the next start of the same one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.progress import track

from bombus import silence_native_code
from edge_app.site import build_site, web_artefact
from models.bundle import find_bundle
from models.classify import Recogniser
from tests.drawing import draw_flower, write_photo
from tests.edge_app.web.app import App, Phone
from tests.edge_app.web.local import FLAGS, require_chromium, serving, transferred

Milliseconds = list[float]


def main() -> None:
    """Command line: `python -m benchmarks.app [--bundle NAME] [--rounds N] [--json]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default="flowers")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    silence_native_code()
    chromium = require_chromium()
    bundle = find_bundle(options.bundle)
    site = build_site([bundle])
    recogniser = Recogniser(bundle, artefact=web_artefact(bundle).file, runtime="litert")
    image = draw_flower("daisy", np.random.default_rng(1), 224)
    with (
        tempfile.TemporaryDirectory(prefix="bombus-bench-") as folder,
        serving(site) as server,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=FLAGS) as browser,
    ):
        photo = Path(folder) / "daisy.png"
        write_photo(photo, image)
        cold, warm, requests = visits(browser, server.url, photo, options.visits)
        app = Phone(browser.new_context()).open(server.url).wait_ready()
        in_browser: Milliseconds = []
        native: Milliseconds = []
        for _ in track(range(options.rounds), "in turns", transient=True, disable=options.json):
            in_browser.append(in_app(app, photo))
            native.append(timed(lambda: recogniser.read(image)))
    report = {
        "in_browser_ms": summary(in_browser),
        "native_ms": summary(native),
        "ratio_of_medians": statistics.median(in_browser) / statistics.median(native),
        "ratio_of_minima": min(in_browser) / min(native),
        "first_verdict_cold_ms": summary(cold),
        "first_verdict_warm_ms": summary(warm),
        "transferred_bytes": transferred(site, requests),
    }
    if options.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            Console().print(name.replace("_", " "), value)


def visits(
    browser: Browser, url: str, photo: Path, count: int
) -> tuple[Milliseconds, Milliseconds, list[str]]:
    """Times to the first verdict of first and of second visits; what a first one asked for."""
    cold: Milliseconds = []
    warm: Milliseconds = []
    requests: list[str] = []
    for _ in range(count):
        phone = Phone(browser.new_context())
        app = App(phone, phone.context.new_page(), url)

        def visit(app: App = app) -> None:
            app.page.goto(url)
            app.skip_tips()
            app.recognise(photo)

        cold.append(timed(visit))
        app.wait_ready(offline=True)
        requests = list(phone.requests)
        app.page.goto("about:blank")
        warm.append(timed(visit))
        phone.context.close()
    return cold, warm, requests


def in_app(app: App, photo: Path) -> float:
    """Milliseconds that the app's worker took for a photo."""
    app.recognise(photo)
    return float(app.page.evaluate("() => wire.answers.at(-1).milliseconds"))


def timed(work: Callable[[], object]) -> float:
    """Milliseconds that a call takes."""
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def summary(values: Milliseconds) -> dict[str, float]:
    """Least, median and count."""
    return {
        "min": round(min(values), 2),
        "median": round(statistics.median(values), 2),
        "n": len(values),
    }


if __name__ == "__main__":
    main()
