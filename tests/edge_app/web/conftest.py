"""A real Chromium, a real server, the shipped bundle."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from edge_app.site import Site, build_site, web_artefact
from models.bundle import Bundle, find_bundle
from models.classify import Recogniser
from models.errors import InputError
from models.preprocess import load_photo
from tests.edge_app.web.app import App, Phone
from tests.edge_app.web.local import FLAGS, camera_flags, find_chromium, serving
from tests.edge_app.web.scenes import Image, Scenes, drawn_pool, write_film, write_jpeg

Album = dict[str, Path]
Film = Callable[..., None]
LastingPhone = Callable[..., AbstractContextManager[Phone]]
NewPhone = Callable[..., Phone]


def do_without(what: str) -> NoReturn:
    """Skip the test, or fail it where a browser must be."""
    if os.environ.get("BOMBUS_REQUIRE_BROWSER") == "1":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    return find_chromium() or do_without("no Chromium here: apt-get install chromium")


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return find_bundle("flowers")


@pytest.fixture(scope="session")
def recogniser(bundle: Bundle) -> Recogniser:
    """The Python runtime on the very artefact that the app runs."""
    return Recogniser(bundle, artefact=web_artefact(bundle).file, runtime="litert")


@pytest.fixture(scope="session")
def site(bundle: Bundle) -> Site:
    """The built app with the shipped bundle."""
    try:
        return build_site([bundle])
    except InputError as error:
        do_without(str(error))


@pytest.fixture(scope="session")
def url(site: Site) -> Iterator[str]:
    """Where the app is."""
    with serving(site) as server:
        yield server.url


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def browser(playwright: Playwright, chromium_path: str) -> Iterator[Browser]:
    """A browser on a machine without a camera."""
    with playwright.chromium.launch(executable_path=chromium_path, args=FLAGS) as launched:
        yield launched


@pytest.fixture(scope="package")
def film_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("film") / "camera.mjpeg"


@pytest.fixture(scope="package")
def camera_browser(
    playwright: Playwright, chromium_path: str, film_path: Path
) -> Iterator[Browser]:
    """A browser whose camera sees a film, from its beginning whenever it is started."""
    args = [*FLAGS, *camera_flags(film_path)]
    launched = playwright.chromium.launch(executable_path=chromium_path, args=args)
    with launched:
        yield launched


@pytest.fixture
def pixel(playwright: Playwright) -> dict[str, Any]:
    """A phone's screen and touch."""
    device = dict(playwright.devices["Pixel 7"])
    del device["default_browser_type"]
    return device


@pytest.fixture
def phone(browser: Browser, pixel: dict[str, Any]) -> Iterator[NewPhone]:
    """Make phones: profiles of their own, with Playwright's options of a context."""
    yield from _phones(browser, pixel)


@pytest.fixture
def camera_phone(camera_browser: Browser, pixel: dict[str, Any]) -> Iterator[NewPhone]:
    """The same with a camera."""
    yield from _phones(camera_browser, pixel)


def _phones(browser: Browser, pixel: dict[str, Any]) -> Iterator[NewPhone]:
    made: list[Phone] = []

    def make(**options: Any) -> Phone:
        made.append(Phone(browser.new_context(**(pixel | options))))
        return made[-1]

    yield make
    for each in made:
        each.context.close()
    for each in made:
        each.check()


@pytest.fixture
def lasting_phone(
    playwright: Playwright, chromium_path: str, pixel: dict[str, Any], tmp_path: Path
) -> LastingPhone:
    """Start a browser of its own on a profile that outlasts it; with flags of Chromium."""

    @contextmanager
    def start(*flags: str) -> Iterator[Phone]:
        started = playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=chromium_path, args=[*FLAGS, *flags], **pixel
        )
        with started as context:
            used = Phone(context)
            yield used
        used.check()

    return start


@pytest.fixture
def app(phone: NewPhone, url: str) -> App:
    """The app, opened for the first time and ready."""
    return phone().open(url).wait_ready()


@pytest.fixture(scope="session")
def names(site: Site) -> dict[str, str]:
    """The English name of each label."""
    return {one["label"]: one["name"] for one in json.loads(site["species/en.json"].data)}


@pytest.fixture(scope="session")
def scenes(recogniser: Recogniser) -> Scenes:
    """Drawn photos whose verdict is clear."""
    return Scenes(recogniser, drawn_pool())


@pytest.fixture(scope="session")
def real_scenes(recogniser: Recogniser, bombus_data: Path) -> Scenes:
    """Photos of flowers and of other things whose verdict is clear."""
    flowers = sorted((bombus_data / "flowers16" / "test").glob("*/*.webp"))[::197]
    others = sorted((bombus_data / "not-in-flowers16" / "other-photos").glob("*.webp"))[:12]
    return Scenes(recogniser, (load_photo(photo, 224) for photo in [*flowers, *others]))


@pytest.fixture
def film(film_path: Path) -> Film:
    """Put scenes before the camera: images, each with how many seconds it lasts."""

    def show(*scenes: tuple[Image, float]) -> None:
        write_film(film_path, scenes)

    return show


@pytest.fixture(scope="session")
def album(scenes: Scenes, tmp_path_factory: pytest.TempPathFactory) -> Album:
    """Photo files: `first` and `second` of different flowers, and a `stranger`."""
    folder = tmp_path_factory.mktemp("album")
    (_, first), (_, second) = scenes.flowers[:2]
    images = {"first": first, "second": second, "stranger": scenes.stranger}
    return {name: write_jpeg(folder / f"{name}.jpg", image) for name, image in images.items()}
