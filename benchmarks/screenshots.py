"""`make screenshots`: pictures of the app on a phone, into `docs/app`.

The flowers are drawn by `tests.drawing`. The one that is none of the app's is the sample photo
`flower.jpg` that scikit-learn carries (vultilion on Flickr, CC BY 2.0).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import sklearn.datasets
from PIL import Image
from playwright.sync_api import sync_playwright

from bombus import silence_native_code
from edge_app.site import build_site, web_artefact
from models.bundle import find_bundle
from models.classify import Recogniser
from tests.drawing import SPECIES, draw_flower
from tests.edge_app.web.app import App, Phone
from tests.edge_app.web.local import FLAGS, camera_flags, require_chromium, serving
from tests.edge_app.web.scenes import Scenes, write_film, write_jpeg

SIDE = 900  # pixels of a drawn photo
SCALE = 1.5  # pixels of a picture a CSS pixel

# Scrolls so far that the verdict fills the lower half of the screen.
LIFT = "(card) => scrollBy(0, card.getBoundingClientRect().top - innerHeight * 0.45)"


def main() -> None:
    """Command line: `python -m benchmarks.screenshots [--out FOLDER] [--bundle NAME]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/app"))
    parser.add_argument("--bundle", default="flowers")
    options = parser.parse_args()
    silence_native_code()
    chromium = require_chromium()
    bundle = find_bundle(options.bundle)
    recogniser = Recogniser(bundle, artefact=web_artefact(bundle).file, runtime="litert")
    drawn = [
        draw_flower(species, np.random.default_rng(seed), SIDE)
        for species in SPECIES
        for seed in range(6)
    ]
    stranger = np.asarray(sklearn.datasets.load_sample_image("flower.jpg"), np.uint8)
    scenes = Scenes(recogniser, [*drawn, stranger])
    options.out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="bombus-screenshots-") as name,
        serving(build_site([bundle])) as server,
        sync_playwright() as playwright,
    ):
        folder = Path(name)
        photos = [
            write_jpeg(folder / f"{i}.jpg", image) for i, (_, image) in enumerate(scenes.flowers)
        ]
        photos.append(write_jpeg(folder / "stranger.jpg", stranger))
        film = write_film(folder / "film.mjpeg", [(scenes.flowers[0][1], 10)])
        device = dict(playwright.devices["Pixel 7"]) | {"device_scale_factor": SCALE}
        del device["default_browser_type"]
        browser = playwright.chromium.launch(
            executable_path=chromium, args=[*FLAGS, *camera_flags(film)]
        )
        with browser:
            context = browser.new_context(**device, reduced_motion="reduce")
            context.grant_permissions(["camera"])
            app = Phone(context).open(server.url)
            take_all(app, photos, options.out)


def take_all(app: App, photos: list[Path], out: Path) -> None:
    """Every picture, in the order of a walk through the app."""
    app.wait_ready(offline=True)
    app.button("Keep this picture").and_(app.page.locator(":enabled")).wait_for()
    take(app, out / "ready.png")
    for photo in photos[:-1]:
        app.recognise(photo)
        app.save()
    app.recognise(photos[0])
    app.card.evaluate(LIFT)
    take(app, out / "verdict.png")
    app.tap("Why?")
    app.page.evaluate("() => scrollTo(0, 0)")
    take(app, out / "heat-map.png")
    app.recognise(photos[-1])
    app.card.evaluate(LIFT)
    take(app, out / "not-a-flower.png")
    app.go("history")
    take(app, out / "history.png")
    app.go("species")
    app.finds.filter(has_text="Daffodil").get_by_role("link").click()
    take(app, out / "species.png")
    app.page.emulate_media(color_scheme="dark")
    app.recognise(photos[1])
    app.card.evaluate(LIFT)
    take(app, out / "dark.png")


def take(app: App, path: Path) -> None:
    """The screen as it is, once pictures are drawn and messages are gone; in 256 colours."""
    close = app.page.locator(".toast-actions .icon-button")
    if close.count():
        close.click()
    app.page.wait_for_timeout(500)
    app.page.screenshot(path=path)
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(256)
    small.save(path, optimize=True)


if __name__ == "__main__":
    main()
