"""Languages, themes, tips, model and bundles."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from edge_app.site import Site, build_site
from models.bundle import Bundle
from tests.edge_app.web.app import App
from tests.edge_app.web.conftest import Album, NewPhone
from tests.edge_app.web.local import serving
from tests.pixel_probe import SIZES, write_probe

LANGUAGES = {
    "en": "Settings",
    "es": "Ajustes",
    "de": "Einstellungen",
    "fr": "Réglages",
    "tr": "Ayarlar",
    "zh": "设置",
}
# Neither a key instead of words, nor a place for a number that never came.
UNSPOKEN = re.compile(
    r"\b(app|nav|status|identify|photo|crop|verdict|species|history|settings|"
    r"correction|share|tips|problem|update)\.[a-z]\w*|\{\w+\}|undefined|NaN"
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_from_the_device(
    phone: NewPhone, url: str, site: Site, album: Album, language: str
) -> None:
    """All screens in the device's language, with the names of that language and the Latin ones."""
    used = phone(locale=language, viewport={"width": 320, "height": 568})
    app = used.open(url, tips=True)
    seen: list[str] = []

    def look(where: str) -> None:
        seen.append(app.page.locator(where).inner_text())
        assert app.too_wide() == []

    look("dialog")
    app.skip_tips()
    app.page.locator("header .status.ready").wait_for()
    expect(app.page.locator("html")).to_have_attribute("lang", language)
    look("body")

    species = json.loads(site[f"species/{language}.json"].data)
    app.go("species")
    list_ = app.page.locator("main").inner_text()
    assert all(one["name"] in list_ and one["latin"] in list_ for one in species)
    look("main")
    one = species[0]
    app.page.get_by_text(one["latin"]).click()
    expect(app.heading).to_have_text(one["name"])
    expect(app.page.locator("main")).to_contain_text(one["toxicity"]["pets"])
    look("main")

    app.go("settings")
    expect(app.heading).to_have_text(LANGUAGES[language])
    look("main")
    app.go("history")
    look("main")
    app.go("identify")
    app.page.locator("input[type=file][multiple]").set_input_files(album["first"])
    app.wait_verdict()
    look("main")
    for text in seen:
        assert not UNSPOKEN.search(text), UNSPOKEN.search(text)


def test_settings_stay(app: App) -> None:
    app.go("settings")
    app.page.get_by_label("Language").select_option("de")
    expect(app.heading).to_have_text("Einstellungen")
    app.page.get_by_role("radio", name="Dunkel").check()
    app.restart().go("settings")
    expect(app.heading).to_have_text("Einstellungen")
    expect(app.page.locator("html")).to_have_attribute("lang", "de")
    expect(app.page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(app.page.get_by_role("radio", name="Dunkel")).to_be_checked()


def test_the_tips_come_once(phone: NewPhone, url: str) -> None:
    app = phone().open(url, tips=True)
    dialog = app.page.get_by_role("dialog")
    for step, word in enumerate(["Next", "Next", "Let’s go"], 1):
        expect(dialog).to_contain_text(f"Tip {step} of 3")
        dialog.get_by_role("button", name=word).click()
    expect(dialog).to_have_count(0)
    app.page.reload()
    app.wait_ready()
    expect(dialog).to_have_count(0)
    app.go("settings").tap("Show the tips again")
    expect(dialog).to_be_visible()


def test_what_is_said_of_the_model(app: App, bundle: Bundle) -> None:
    app.go("settings")
    for words in (bundle.manifest.version, bundle.manifest.license, "never learned from"):
        expect(app.page.locator("main")).to_contain_text(words)


def test_several_bundles(
    phone: NewPhone, bundle: Bundle, album: Album, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bundles") / "probe"
    with serving(build_site([bundle, write_probe(folder, SIZES[1])])) as server:
        app = phone().open(server.url).wait_ready()
        app.recognise(album["first"])
        assert app.guesses()[0].name not in {"Ant", "Bee", "Moth"}
        app.go("settings")
        app.page.get_by_role("radio", name=f"probe-{SIZES[1]}").check()
        app.wait_ready()
        app.recognise(album["first"])
        assert {guess.name for guess in app.guesses()} == {"Ant", "Bee", "Moth"}
        app.restart().wait_ready().go("species")
        expect(app.finds).to_have_count(3)


def test_the_species_can_be_searched(app: App) -> None:
    app.go("species")
    app.page.get_by_label("Search flowers").fill("bellis")
    expect(app.finds).to_have_count(1)
    app.finds.get_by_role("link").click()
    expect(app.heading).to_have_text("Daisy")
    expect(app.page.locator("main")).to_contain_text("Bombus is no safety advice")
    app.page.go_back()
    app.page.get_by_label("Search flowers").fill("zzz")
    expect(app.page.get_by_text("No flower of that name.")).to_be_visible()
