"""What is said of a photo, and what can be done with it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from playwright.sync_api import expect

from models.classify import Recogniser, fuse
from models.preprocess import decode
from tests.edge_app.web.app import App
from tests.edge_app.web.conftest import Album, NewPhone

Names = dict[str, str]


def test_a_flower_is_named_with_three_guesses(
    app: App, album: Album, recogniser: Recogniser, names: Names
) -> None:
    assert app.recognise(album["first"]) == "sure"
    verdict = recogniser.classify_file(album["first"])
    assert [guess.name for guess in app.guesses()] == [names[g.label] for g in verdict.guesses]
    best = names[verdict.guesses[0].label]
    expect(app.card.get_by_role("heading")).to_have_text(best)
    expect(app.spoken).to_have_text(re.compile(rf"^{best}: (almost certain|likely), \d+%$"))
    expect(app.card).to_contain_text("Never eat or touch a plant")


def test_a_stranger_is_not_named(app: App, album: Album) -> None:
    assert app.recognise(album["stranger"]) == "unknown"
    expect(app.spoken).to_have_text("This doesn’t look like one of my flowers")
    assert app.listed_guesses() == []
    assert len(app.guesses()) == 3


def test_no_result_of_another_photo(
    app: App, album: Album, recogniser: Recogniser, names: Names
) -> None:
    """A slow first photo and a second: the answer to the first is never shown with the second."""
    app.hold()
    app.choose(album["first"])
    app.wait_held()
    app.go("identify")
    app.choose(album["second"])
    expect(app.card.get_by_role("heading")).to_have_text("Recognising…")
    app.page.evaluate(
        """() => {
          globalThis.said = [];
          const look = () => said.push(document.querySelector(".guess-name")?.textContent);
          new MutationObserver(look).observe(document.body, { subtree: true, childList: true,
            characterData: true });
        }"""
    )
    app.release()
    app.wait_verdict()
    second = names[recogniser.classify_file(album["second"]).guesses[0].label]
    assert app.guesses()[0].name == second
    said = app.page.evaluate("() => said.filter(Boolean)")
    assert set(said) == {second}


def test_no_result_of_another_crop(app: App, album: Album) -> None:
    app.recognise(album["first"])
    app.hold()
    app.tap("Zoom in")
    app.wait_held()
    expect(app.card).to_have_attribute("aria-busy", "true")
    assert app.listed_guesses() == []
    app.release()
    app.wait_verdict()


def test_photos_of_one_plant_are_fused(
    app: App, album: Album, recogniser: Recogniser, names: Names
) -> None:
    photos = [album["first"], album["second"], album["stranger"]]
    app.recognise(photos[0])
    app.add(*photos[1:])
    expect(app.card).to_contain_text("From 3 photos together")
    readings = [recogniser.read(decode(photo.read_bytes(), photo.name)) for photo in photos]
    expected = recogniser.verdict(fuse(readings))
    guesses = app.guesses()
    assert [guess.name for guess in guesses[:2]] == [
        names[guess.label] for guess in expected.guesses[:2]
    ]
    for shown, guess in zip(guesses, expected.guesses, strict=True):
        assert abs(shown.percent - 100 * guess.confidence) < 3
    app.tap("Remove photo 3")
    expect(app.card).to_contain_text("From 2 photos together")


def test_a_correction_outlasts_a_photo_that_comes_meanwhile(app: App, album: Album) -> None:
    """A large photo takes seconds to open: the person may be naming the plant by then."""
    app.recognise(album["first"])
    app.tap("Not this one")
    dialog = app.page.get_by_role("dialog")
    dialog.wait_for()
    app.hold()
    app.add(album["second"])
    app.wait_held()
    expect(app.card).to_have_attribute("aria-busy", "true")
    app.release()
    app.wait_verdict()
    dialog.get_by_role("button", name="Tulip").click()
    expect(app.card).to_contain_text("You say: Tulip")
    expect(app.card).to_contain_text("From 2 photos together")


def test_six_photos_are_one_too_many(app: App, album: Album) -> None:
    app.choose(*[album["first"]] * 6)
    expect(app.alert).to_contain_text("A plant has at most 5 photos here.")
    app.wait_verdict()
    expect(app.card).to_contain_text("From 5 photos together")


def test_the_heat_map_lies_on_the_flower(app: App, album: Album) -> None:
    """The drawn flower fills the middle of its photo, and nothing is in the corners."""
    app.recognise(album["first"])
    heat = app.page.get_by_test_id("heat")
    expect(heat).to_have_count(0)
    app.tap("Why?")
    expect(heat).to_be_visible()
    strength = np.array(
        heat.evaluate(
            """(canvas) => {
              const { width, height } = canvas;
              const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
              return Array.from({ length: height }, (_, y) =>
                Array.from({ length: width }, (_, x) => data[(y * width + x) * 4 + 3]));
            }"""
        )
    )
    side = len(strength)
    third = side // 3
    middle = strength[third:-third, third:-third].mean()
    corner = side // 6
    corners = [strength[:corner, :corner], strength[:corner, -corner:]]
    corners += [strength[-corner:, :corner], strength[-corner:, -corner:]]
    assert middle > 20
    assert middle > 2 * np.mean(corners)
    app.tap("Why?")
    expect(heat).to_have_count(0)


def test_the_heat_map_of_another_guess(app: App, album: Album) -> None:
    app.recognise(album["first"])
    second = app.guesses()[1].name
    app.tap("Why?")
    app.page.get_by_role("group", name="What speaks for").get_by_role("button", name=second).click()
    expect(app.page.get_by_text(f"speaks for {second}")).to_be_visible()
    expect(app.page.get_by_test_id("heat")).to_be_visible()


def test_share_without_the_phones_dialog(phone: NewPhone, url: str, album: Album) -> None:
    """Desktop browsers have none: the picture is downloaded and the words are copied."""
    used = phone(permissions=["clipboard-read", "clipboard-write"])
    app = used.open(url).wait_ready()
    app.recognise(album["first"])
    best = app.guesses()[0].name
    picture = app.download(lambda: app.tap("Share"))
    assert picture.read_bytes()[:3] == b"\xff\xd8\xff"
    expect(app.message).to_have_text("Text copied and picture downloaded.")
    copied = app.page.evaluate("() => navigator.clipboard.readText()")
    assert copied.startswith(f"{best} (")


def test_share_with_the_phones_dialog(phone: NewPhone, url: str, album: Album) -> None:
    used = phone()
    used.context.add_init_script(
        """
        globalThis.shared = [];
        navigator.canShare = ({ files }) => files.length > 0;
        navigator.share = async ({ files, text }) => void shared.push([files[0].type, text]);
        """
    )
    app = used.open(url).wait_ready()
    app.recognise(album["first"])
    best = app.guesses()[0].name
    app.tap("Share")
    expect(app.button("Share")).to_be_enabled()
    [[kind, text]] = app.page.evaluate("() => shared")
    assert kind == "image/jpeg"
    assert text.startswith(best)


def test_photos_can_be_dropped(app: App, album: Album) -> None:
    drop = """
    async ([bytes, types]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(bytes)], "photo.jpg", { type: "image/jpeg" }));
      for (const type of types) {
        document.body.dispatchEvent(
          new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }));
      }
    }
    """
    data = list(Path(album["first"]).read_bytes())
    app.page.evaluate(drop, [data, ["dragover"]])
    expect(app.page.locator("main.dropping")).to_be_visible()
    app.page.evaluate(drop, [data, ["dragover", "drop"]])
    assert app.wait_verdict() == "sure"


def test_200_fast_taps(app: App, album: Album) -> None:
    """On what keeps, zooms, explains and leads elsewhere: one find, no crash, no lost answer."""
    app.recognise(album["first"])
    app.page.evaluate(
        """() => {
          const named = (words) => [...document.querySelectorAll("button")].find(
            (one) => (one.ariaLabel ?? one.textContent).includes(words));
          for (let i = 0; i < 200; i++) named("Save to history")?.click();
          for (let i = 0; i < 200; i++) named(i % 2 ? "Why?" : "Zoom in").click();
        }"""
    )
    app.wait_verdict()
    for screen in ["species", "history", "settings", "identify"] * 10:
        app.page.locator(f'nav a[href="#/{screen}"]').click(no_wait_after=True)
    app.go("history")
    expect(app.finds).to_have_count(1)
    assert app.recognise(album["second"]) == "sure"


def test_two_threads_where_the_page_is_isolated(app: App, album: Album) -> None:
    assert app.page.evaluate("() => crossOriginIsolated")
    app.go("settings")
    app.page.get_by_role("group", name="Processor threads").get_by_role("radio", name="2").check()
    app.wait_ready()
    expect(app.page.get_by_text("Running on 2 threads.")).to_be_visible()
    assert app.recognise(album["first"]) == "sure"
