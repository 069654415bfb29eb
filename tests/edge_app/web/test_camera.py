"""The live camera, which sees films of our own."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.edge_app.web.app import App
from tests.edge_app.web.conftest import Album, Film, NewPhone
from tests.edge_app.web.scenes import Image, Scenes

Live = Callable[[], App]
STRANGE = "This doesn’t look like one of my flowers"

# The mean colour of the middle of the viewfinder, or of the kept photo.
MIDDLE = """
(source) => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 40;
  const context = canvas.getContext("2d");
  const [width, height] = [source.videoWidth ?? source.width, source.videoHeight ?? source.height];
  const side = Math.min(width, height) / 2;
  context.drawImage(source, (width - side) / 2, (height - side) / 2, side, side, 0, 0, 40, 40);
  const levels = context.getImageData(0, 0, 40, 40).data;
  const sums = [0, 0, 0];
  levels.forEach((level, i) => void (i % 4 < 3 && (sums[i % 4] += level)));
  return sums.map((sum) => sum / 1600);
}
"""


@pytest.fixture
def live(camera_phone: NewPhone, url: str) -> Live:
    """Open the app with the camera allowed: it starts by itself."""

    def start() -> App:
        phone = camera_phone()
        phone.context.grant_permissions(["camera"])
        return phone.open(url).wait_ready()

    return start


def shows(app: App, selector: str, wanted: Image, other: Image) -> bool:
    """Whether a picture is the one rather than the other, by the colour of its middle."""
    seen = np.array(app.page.locator(selector).first.evaluate(MIDDLE))

    def distance(image: Image) -> float:
        quarter = len(image) // 4
        return float(np.abs(image[quarter:-quarter, quarter:-quarter].mean((0, 1)) - seen).max())

    return distance(wanted) < distance(other) / 2


def test_the_verdict_follows_the_film(
    live: Live, film: Film, scenes: Scenes, names: dict[str, str]
) -> None:
    (first, a), (second, b) = scenes.flowers[:2]
    film((a, 4), (scenes.stranger, 4), (b, 4))
    app = live()
    for name in (names[first.guesses[0].label], STRANGE, names[second.guesses[0].label]):
        expect(app.live).to_have_text(name)


def test_real_flowers_and_other_things_on_film(
    live: Live, film: Film, real_scenes: Scenes, names: dict[str, str]
) -> None:
    (first, a), (second, b) = real_scenes.flowers[:2]
    film((a, 4), (real_scenes.stranger, 4), (b, 4))
    app = live()
    for name in (names[first.guesses[0].label], STRANGE, names[second.guesses[0].label]):
        expect(app.live).to_have_text(name)


def test_the_frame_kept_is_the_one_of_the_verdict(
    live: Live, film: Film, scenes: Scenes, names: dict[str, str]
) -> None:
    """When the camera has moved on, but the answer on the screen is still of the frame before."""
    (first, a), (_, b) = scenes.flowers[:2]
    film((a, 6), (b, 60))
    app = live()
    name = names[first.guesses[0].label]
    expect(app.live).to_have_text(name)
    app.hold()
    for _ in range(100):
        if shows(app, "video", b, a):
            break
        app.page.wait_for_timeout(100)
    assert shows(app, "video", b, a)
    expect(app.live).to_have_text(name)
    app.tap("Keep this picture")
    app.wait_verdict()
    assert app.guesses()[0].name == name
    assert shows(app, "canvas[role=img]", a, b)


def test_one_to_three_verdicts_a_second(live: Live, film: Film, scenes: Scenes) -> None:
    film((scenes.flowers[0][1], 10))
    app = live()
    expect(app.live).not_to_have_text(re.compile("Looking|Getting"))
    before = app.questions()
    app.page.wait_for_timeout(3000)
    assert 1 <= app.questions() - before <= 9


def test_a_camera_that_is_refused(
    camera_phone: NewPhone, url: str, film: Film, scenes: Scenes, album: Album
) -> None:
    film((scenes.flowers[0][1], 1))
    app = camera_phone().open(url).wait_ready()
    app.tap("Start the camera")
    expect(app.alert).to_contain_text("The camera isn’t allowed")
    assert app.recognise(album["first"]) == "sure"


def test_no_camera(app: App, album: Album) -> None:
    app.tap("Start the camera")
    expect(app.alert).to_contain_text("No camera found")
    assert app.recognise(album["first"]) == "sure"


def test_a_camera_that_is_unplugged(live: Live, film: Film, scenes: Scenes) -> None:
    film((scenes.flowers[0][1], 10))
    app = live()
    expect(app.live).not_to_have_text(re.compile("Looking|Getting"))
    app.page.locator("video").evaluate(
        """(video) => {
          const [track] = video.srcObject.getVideoTracks();
          track.stop();
          track.dispatchEvent(new Event("ended"));
        }"""
    )
    expect(app.alert).to_contain_text("The camera went away")
    app.tap("Start the camera")  # plugged in again
    expect(app.live).to_be_visible()
    expect(app.alert).to_have_count(0)


def test_a_hidden_tab_takes_no_pictures(live: Live, film: Film, scenes: Scenes) -> None:
    film((scenes.flowers[0][1], 10))
    app = live()
    expect(app.live).not_to_have_text(re.compile("Looking|Getting"))
    hide(app, True)
    app.page.wait_for_timeout(600)  # the last one asked for
    before = app.questions()
    app.page.wait_for_timeout(1200)
    assert app.questions() == before
    hide(app, False)
    app.wait_question(before + 2)


def hide(app: App, hidden: bool) -> None:
    """As the browser does when another tab is chosen; Playwright keeps all tabs in sight."""
    app.page.evaluate(
        """(hidden) => {
          Object.defineProperty(document, "hidden", { configurable: true, value: hidden });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def test_a_tab_frozen_in_mid_inference(app: App, album: Album) -> None:
    app.hold()
    app.choose(album["first"])
    app.wait_held()
    session = app.phone.context.new_cdp_session(app.page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    session.send("Page.setWebLifecycleState", {"state": "active"})
    app.release()
    assert app.wait_verdict() == "sure"


def test_leaving_the_screen_frees_the_camera(live: Live, film: Film, scenes: Scenes) -> None:
    film((scenes.flowers[0][1], 10))
    app = live()
    app.page.locator("video").evaluate("(video) => void (globalThis.seen = video.srcObject)")
    app.go("species")
    assert app.page.evaluate("() => seen.getTracks().map((track) => track.readyState)") == ["ended"]
