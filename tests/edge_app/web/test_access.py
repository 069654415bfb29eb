"""For everyone: screen readers, keyboards, large text, small screens, little motion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.edge_app.web.app import App
from tests.edge_app.web.conftest import Album, Film, LastingPhone, NewPhone, do_without
from tests.edge_app.web.scenes import Scenes

ROOT = Path(__file__).parents[3]
AXE = ROOT / "edge_app" / "web" / "node_modules" / "axe-core" / "axe.min.js"
SMALL = {"width": 320, "height": 568}


def screens(app: App, album: Album) -> Iterator[str]:
    """Lead a person through every screen and state of the app, and say where we are."""
    yield "tips"
    app.skip_tips()
    app.wait_ready()
    yield "identify"
    app.tap("Start the camera")
    app.alert.wait_for()
    yield "no camera"
    app.recognise(album["first"])
    yield "verdict"
    app.tap("Why?")
    app.page.get_by_test_id("heat").wait_for()
    yield "heat map"
    app.add(album["second"])
    app.wait_verdict()
    yield "two photos"
    app.tap("Not this one")
    app.page.get_by_role("dialog").wait_for()
    yield "correction"
    app.page.get_by_role("dialog").press("Escape")
    app.page.get_by_role("dialog").wait_for(state="detached")
    app.recognise(album["stranger"])
    yield "stranger"
    app.guesses()
    yield "guesses of a stranger"
    app.go("history")
    yield "empty history"
    app.recognise(album["first"])
    best = app.guesses()[0].name
    app.save()
    yield "saved"
    app.go("history")
    app.page.get_by_text("More", exact=True).click()
    yield "history"
    app.open_find(best)
    app.page.get_by_label("Notes").fill("by the old mill")
    yield "find"
    app.go("species")
    yield "species"
    app.finds.first.get_by_role("link").click()
    app.page.get_by_text("Easily confused with").wait_for()
    yield "one species"
    app.go("settings")
    yield "settings"


@pytest.fixture(scope="session")
def axe() -> str:
    if not AXE.is_file():
        do_without("axe-core is not installed: npm ci in edge_app/web")
    return AXE.read_text()


def violations(app: App, axe: str) -> list[tuple[str, list[str]]]:
    """What axe-core finds, each rule with the elements that break it."""
    app.page.evaluate(axe)
    found = app.page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        (rule["id"], [f"{node['html']}: {node['failureSummary']}" for node in rule["nodes"]])
        for rule in found["violations"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(phone: NewPhone, url: str, album: Album, axe: str, scheme: str) -> None:
    used = phone(color_scheme=scheme, reduced_motion="reduce")
    app = used.open(url, tips=True)
    found = {screen: violations(app, axe) for screen in screens(app, album)}
    assert not any(found.values()), {screen: broken for screen, broken in found.items() if broken}


def test_axe_finds_nothing_with_the_camera_on(
    camera_phone: NewPhone, url: str, film: Film, scenes: Scenes, axe: str
) -> None:
    film((scenes.flowers[0][1], 10))
    used = camera_phone(reduced_motion="reduce")
    used.context.grant_permissions(["camera"])
    app = used.open(url).wait_ready()
    app.button("Keep this picture").and_(app.page.locator(":enabled")).wait_for()
    assert violations(app, axe) == []


def test_a_small_phone_never_scrolls_sideways(phone: NewPhone, url: str, album: Album) -> None:
    app = phone(viewport=SMALL).open(url, tips=True)
    wide = {screen: app.too_wide() for screen in screens(app, album)}
    assert not any(wide.values()), wide


def test_text_of_double_size(lasting_phone: LastingPhone, url: str, album: Album) -> None:
    """The browser's own text size, set to 200 %: larger words, and still nothing cut off."""
    with lasting_phone("--blink-settings=defaultFontSize=32") as used:
        app = used.open(url, tips=True)
        size = app.page.evaluate("() => parseFloat(getComputedStyle(document.body).fontSize)")
        assert size >= 30
        wide = {screen: app.too_wide() for screen in screens(app, album)}
    assert not any(wide.values()), wide


def test_by_keyboard_alone(app: App, album: Album) -> None:
    """From the first screen to a kept and annotated find, without a pointer."""
    page = app.page
    # Playwright takes over the chooser of files when the first listener comes, and a key is faster.
    page.on("filechooser", lambda chooser: None)

    def tab_to(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if name in page.evaluate(FOCUSED):
                assert page.evaluate(RINGED), f"{name} has the focus, unseen"
                return
        pytest.fail(f"no way to {name!r} by Tab")

    tab_to("Skip to content")
    page.keyboard.press("Enter")
    expect(app.heading).to_be_focused()
    tab_to("Choose photos")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(album["first"])
    app.wait_verdict()
    expect(app.heading).to_be_focused()
    tab_to("Part of the photo")
    asked = app.questions()
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    app.wait_question(asked + 1)
    app.wait_verdict()
    tab_to("Not this one")
    page.keyboard.press("Enter")
    tab_to("Tulip")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    tab_to("Save to history")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Saved to history").wait_for()
    page.keyboard.press("Shift+Tab")
    tab_to("Saved to history")
    page.keyboard.press("Enter")
    expect(app.heading).to_have_text("Tulip")
    tab_to("Notes")
    page.keyboard.type("by the old mill")
    tab_to("Delete")
    page.keyboard.press("Enter")
    expect(app.heading).to_have_text("History")
    expect(app.heading).to_be_focused()
    tab_to("Undo")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Notes")).to_have_value("by the old mill")


FOCUSED = """
() => {
  const one = document.activeElement;
  if (one === document.body) return "";
  return one.ariaLabel ?? one.labels?.[0]?.textContent ?? one.textContent;
}
"""

# Whether the element with the focus, or the label that stands for it, is marked.
RINGED = """
() => [document.activeElement, document.activeElement.closest("label")].some((one) => {
  const style = one && getComputedStyle(one);
  return style && (style.outlineStyle !== "none" || style.boxShadow !== "none");
})
"""


def test_little_motion_where_it_is_asked_for(phone: NewPhone, url: str, album: Album) -> None:
    app = phone(reduced_motion="reduce").open(url).wait_ready()
    app.choose(album["first"])
    app.wait_verdict()
    longest = app.page.evaluate(
        """() => Math.max(0, ...document.getAnimations().map(
          ({ effect }) => effect.getComputedTiming().duration))"""
    )
    assert longest <= 1


def test_a_screen_reader_hears_the_verdict(app: App, album: Album) -> None:
    app.recognise(album["first"])
    expect(app.spoken).to_have_attribute("aria-live", "polite")
    best = app.guesses()[0]
    expect(app.spoken).to_have_text(re.compile(rf"^{best.name}: [a-z ]+, {best.percent}%$"))
