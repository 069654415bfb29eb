"""The other engines that people have: Firefox, and WebKit as the nearest relative of Safari."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from models.classify import Recogniser
from tests.edge_app.web.conftest import Album, do_without
from tests.edge_app.web.drivers import PATIENCE, Driver, firefox, webkit

CHOOSER = ".sources input[type=file][multiple]"
STATUS = "return document.querySelector('header [role=status]')?.textContent"
BEST = """
  if (document.querySelector('.verdict[aria-busy="false"]') === null) return null;
  if (document.querySelector('.verdict.unknown')) return 'unknown';
  return document.querySelector('.guess-name').textContent;
"""


@pytest.fixture(params=[firefox, webkit])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Driver]:
    try:
        with request.param(tmp_path / "profile") as started:
            yield started
    except FileNotFoundError as missing:
        do_without(str(missing))


@pytest.mark.slow
def test_photos_are_named_as_by_python(
    driver: Driver, url: str, album: Album, recogniser: Recogniser, names: dict[str, str]
) -> None:
    driver.open(url)
    assert wait(driver, STATUS, lambda text: (text or "").startswith("Ready"))
    driver.script("document.querySelector('dialog.tips .quiet').click()")
    for photo in album.values():
        driver.script("location.hash = '#/identify'")
        wait(driver, f"return !!document.querySelector('{CHOOSER}')", bool)
        driver.upload(CHOOSER, photo)
        expected = recogniser.classify_file(photo)
        name = names[expected.guesses[0].label]
        assert wait(driver, BEST, bool) == ("unknown" if expected.kind == "unknown" else name)


def wait(driver: Driver, script: str, enough: Callable[[Any], bool]) -> Any:
    """What a script says once it is enough."""
    end = time.monotonic() + PATIENCE
    while not enough(value := driver.script(script)):
        assert time.monotonic() < end, f"still {value!r}: {script}"
        time.sleep(0.1)
    return value
