"""The page, in a real browser from a real file, with no network."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from robot.replay import make_view, write_page
from robot.replay.page import page as text_of
from tests.edge_app.web.conftest import do_without
from tests.edge_app.web.local import FLAGS, find_chromium
from tests.robot.replay.runs import driven, long_run, seen

EVIL = "</script><script>document.title='evil'</script><img src=x onerror=alert(1)> $name"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = find_chromium() or do_without("no Chromium here: apt-get install chromium")
    with (
        sync_playwright() as started,
        started.chromium.launch(executable_path=path, args=FLAGS) as launched,
    ):
        yield launched


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "run.html"
    write_page(seen(), path)
    return path


@pytest.fixture
def page(browser: Browser, file: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page, opened; at the end no error was told and nothing else was asked for."""
    context = browser.new_context(**getattr(request, "param", {}))
    opened = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda sent: asked.append(sent.url))
    opened.goto(file.as_uri())
    expect(opened.locator("figure").first).to_be_visible()
    yield opened
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    context.close()


def data() -> dict[str, Any]:
    """What is in the page."""
    held = re.search(r'id="data">(.*?)</script>', text_of(seen()), re.DOTALL)
    assert held is not None
    found: dict[str, Any] = json.loads(held[1])
    return found


def place(page: Page) -> tuple[float, float, float]:
    """Where the arrow is, pixels, and its turn, degrees."""
    there = page.locator("#here").get_attribute("transform") or ""
    x, y, turn = (float(n) for n in re.findall(r"-?[\d.]+", there))
    return x, y, turn


def shown(page: Page, title: str) -> list[str]:
    """The values in the caption of a figure."""
    figure = page.locator("figure", has=page.get_by_text(title, exact=True))
    return figure.locator(".key b").all_inner_texts()


def test_the_slider_moves_through_the_run(page: Page) -> None:
    slider = page.get_by_label("Time in the run")
    last = len(seen().times) - 1
    assert slider.get_attribute("max") == str(last)
    start = place(page)
    slider.fill(str(last))
    end = place(page)
    # East is to the right and north is up, by one scale.
    east, north = (seen().way[-1] - seen().way[0])[:2]
    assert (end[0] - start[0]) / east == pytest.approx((start[1] - end[1]) / north, rel=1e-3)
    assert end[0] > start[0]
    assert end[2] == pytest.approx(-math.degrees(seen().headings[-1]), abs=0.1)
    assert page.locator("#said").inner_text().startswith("20.00 s, ")
    assert (slider.get_attribute("aria-valuetext") or "").startswith("20.0 s of 20.0 s, after ")
    wanted = seen().panels[1]
    assert wanted.title == "Height"
    told = [float(v.replace("−", "-")) for v in shown(page, "Height, m")]
    expected = [line.values[-1] for line in wanted.lines]
    assert told == pytest.approx(expected, rel=6e-3)


def test_keys_move_it_too(page: Page) -> None:
    slider = page.get_by_label("Time in the run")

    def at() -> int:
        return int(slider.input_value())

    for key, row in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("Home", 0)):
        page.keyboard.press(key)  # nothing has the focus
        assert at() == row
    page.keyboard.press("PageUp")
    assert at() > 10
    slider.focus()
    page.keyboard.press("End")
    assert at() == len(seen().times) - 1
    assert page.locator("#said").inner_text().startswith("20.00 s")


def test_looking_at_a_curve_shows_its_values_and_goes_back(page: Page) -> None:
    before = shown(page, "Speed, m/s")
    plot = page.locator("figure", has=page.get_by_text("Speed, m/s", exact=True)).locator(".plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    middle = (box["x"] + 50 + (box["width"] - 62) / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    told = float(shown(page, "Speed, m/s")[0])
    speeds = next(p for p in seen().panels if p.title == "Speed").lines[0].values
    assert told == pytest.approx(speeds[np.searchsorted(seen().times, 10.0)], rel=0.02)
    assert page.get_by_label("Time in the run").input_value() == "0"
    page.mouse.move(2, 2)
    assert shown(page, "Speed, m/s") == before
    page.mouse.click(*middle)
    assert float(page.locator("#said").inner_text().split()[0]) == pytest.approx(10, abs=0.2)


def test_it_plays_to_the_end(page: Page) -> None:
    speed, play = page.get_by_label("Speed of playing"), page.locator("#play")
    speed.select_option("1")  # slow enough for a busy machine to see it play
    play.click()
    expect(play).to_have_text("Pause")
    speed.select_option("60")
    expect(play).to_have_text("Play", timeout=60_000)
    assert page.locator("#said").inner_text().startswith("20.00 s")
    speed.select_option("1")
    play.click()  # from the start again
    expect(play).to_have_text("Pause")
    page.locator("h1").click()
    page.keyboard.press("Space")
    expect(play).to_have_text("Play")


def test_every_curve_is_drawn_where_its_values_are(page: Page) -> None:
    figures = page.locator("figure")
    assert figures.count() == 1 + len(seen().panels) + 2  # the way, spikes, health
    for figure in figures.all():
        plot = figure.locator(".plot")
        box = plot.bounding_box()
        assert box is not None
        assert re.search(r"\w", plot.get_attribute("aria-label") or "")
        for curve in plot.locator(".line, .band").all():
            path = curve.get_attribute("d") or ""
            xy = np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", path), float)
            assert len(xy) >= len(seen().times)
            assert xy.min() >= 0
            assert (xy.max(axis=0) <= (box["width"], box["height"])).all()
    assert page.locator(".fault").count() >= 2  # of a bad sample, of a hole


def test_spikes_are_a_picture_of_their_shares(page: Page) -> None:
    told = page.evaluate(
        """async () => {
        const image = new Image();
        image.src = document.querySelector("image.raster").getAttribute("href");
        await image.decode();
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [image.width, image.height];
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0);
        const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
        return { width: canvas.width, alpha: Array.from(data.filter((_, i) => i % 4 === 3)) };
        }"""
    )
    raster = seen().raster
    assert raster is not None
    alpha = np.array(told["alpha"]).reshape(-1, told["width"])
    assert alpha.shape == raster.shape
    expected = 255 * np.minimum(raster / data()["raster"]["top"], 1)
    np.testing.assert_allclose(alpha, expected, atol=0.51)


@pytest.mark.parametrize(
    "page", [{"color_scheme": "dark"}, {"color_scheme": "light"}], indirect=True
)
def test_ink_stands_out_from_paper(page: Page) -> None:
    ink, paper, line = page.evaluate(
        """() => {
        const style = getComputedStyle(document.body);
        const line = getComputedStyle(document.querySelector(".line.estimate")).stroke;
        return [style.color, style.backgroundColor, line];
        }"""
    )

    def light(colour: str) -> float:
        """Relative luminance, WCAG 2."""
        c = np.array([int(n) for n in re.findall(r"\d+", colour)[:3]]) / 255
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    def contrast(a: str, b: str) -> float:
        low, high = sorted((light(a), light(b)))
        return (high + 0.05) / (low + 0.05)

    assert contrast(ink, paper) > 7
    assert contrast(line, paper) > 3


@pytest.mark.parametrize("page", [{"viewport": {"width": 360, "height": 700}}], indirect=True)
def test_a_phone_shows_it_without_scrolling_sideways(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    slider = page.get_by_label("Time in the run")
    expect(slider).to_be_in_viewport()
    slider.fill("50")
    assert page.locator("#said").inner_text().startswith(f"{seen().times[50]:.2f} s")


def test_a_name_is_text_and_nothing_else(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "evil.html"
    write_page(make_view(EVIL, driven()[0]), path)
    opened = browser.new_page()
    opened.on("dialog", lambda dialog: pytest.fail(dialog.message))
    opened.goto(path.as_uri())
    expect(opened.locator("h1")).to_have_text(EVIL)
    assert opened.title() == f"{EVIL}: replay"
    assert opened.locator("figure").count() > 5
    opened.close()


def test_it_asks_for_nothing() -> None:
    text = text_of(seen())
    addresses = set(re.findall(r"https?://[^\"'\s)<>]+", text))
    assert addresses == {"http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"}  # names
    assert not re.search(r"<(link|iframe|object|embed|base|img)\b|@import|url\(", text)
    assert "default-src 'none'" in text


def test_a_long_drive_stays_small() -> None:
    run, slip = long_run(47_000)
    spikes = np.random.default_rng(0).random((47_000, 128)) < 0.1
    text = text_of(make_view("x", run, truth=run.trajectory, slip=slip, spikes=spikes))
    assert len(text.encode()) < 2_000_000


def test_what_is_not_known_is_null() -> None:
    run, truth = driven()
    text = text_of(make_view("x", run, truth=truth.at(slice(100))))
    assert "NaN" not in re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert "null" in text
