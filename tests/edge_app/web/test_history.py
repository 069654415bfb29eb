"""Finds: kept, corrected, noted, searched, taken elsewhere and back."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.edge_app.web.app import App
from tests.edge_app.web.conftest import Album, NewPhone


@pytest.fixture
def kept(app: App, album: Album) -> App:
    """Two finds in the history, which is shown; the newer is of `second`."""
    for photo in ("first", "second"):
        app.recognise(album[photo])
        app.save()
    return app.go("history")


def test_a_find_is_kept(app: App, album: Album) -> None:
    app.recognise(album["first"])
    best = app.guesses()[0]
    app.save()
    app.restart().go("history")
    app.open_find(best.name)
    assert app.listed_guesses()[0] == best
    expect(app.page.get_by_role("img", name="Photo 1 of this plant")).to_be_visible()
    expect(app.page.get_by_text("Recognised by flowers")).to_be_visible()


def test_a_correction_stands_beside_the_verdict(app: App, album: Album) -> None:
    app.recognise(album["first"])
    best = app.guesses()[0].name
    app.tap("Not this one")
    app.page.get_by_role("dialog").get_by_role("button", name="Tulip").click()
    app.save()
    app.go("history")
    app.open_find("Tulip")
    expect(app.page.get_by_text("You say: Tulip")).to_be_visible()
    expect(app.page.get_by_text(f"The app said: {best}")).to_be_visible()
    app.tap("Not this one")
    app.page.get_by_label("Something else").fill("Grandma’s rose")
    app.tap("Use this name")
    expect(app.heading).to_have_text("Grandma’s rose")
    app.tap("Not this one")
    app.tap("Remove the correction")
    expect(app.heading).to_have_text(best)


def test_notes_and_search(kept: App) -> None:
    newest = kept.finds.first.locator(".card-title").inner_text()
    kept.open_find(newest)
    kept.page.get_by_label("Notes").fill("by the old mill")
    kept.go("history")  # at once: leaving the field keeps it
    search = kept.page.get_by_label("Search your finds")
    search.fill("MILL old")
    expect(kept.finds).to_have_count(1)
    expect(kept.finds).to_contain_text(newest)
    search.fill("no such words")
    expect(kept.finds).to_have_count(0)
    expect(kept.page.get_by_text("No find matches.")).to_be_visible()
    search.fill("")
    expect(kept.finds).to_have_count(2)


def test_a_place_only_when_asked_for(phone: NewPhone, url: str, album: Album) -> None:
    used = phone(geolocation={"latitude": 48.2, "longitude": 16.37, "accuracy": 12})
    used.context.grant_permissions(["geolocation"])
    app = used.open(url).wait_ready()
    app.recognise(album["first"])
    name = app.guesses()[0].name
    app.save()
    app.go("history").open_find(name)
    expect(app.page.get_by_text("48.2")).to_have_count(0)
    app.tap("Add where I am now")
    expect(app.page.get_by_text("48.2, 16.37 (about 12 m)")).to_be_visible()
    app.tap("Remove the place")
    expect(app.page.get_by_text("48.2")).to_have_count(0)


def test_delete_and_undo(kept: App) -> None:
    newest = kept.finds.first.locator(".card-title").inner_text()
    kept.open_find(newest)
    kept.tap("Delete")
    expect(kept.finds).to_have_count(1)
    kept.tap("Undo")
    expect(kept.heading).to_have_text(newest)
    kept.go("history")
    expect(kept.finds).to_have_count(2)


def test_export_delete_import(kept: App, album: Album, tmp_path: Path) -> None:
    newest = kept.finds.first.locator(".card-title").inner_text()
    kept.open_find(newest)
    kept.page.get_by_label("Notes").fill("=SUM(1)\nand more")
    kept.go("history")
    kept.page.get_by_text("More", exact=True).click()
    archive = kept.download(lambda: kept.tap("Export everything (ZIP)"))
    table = kept.download(lambda: kept.tap("Export a table (CSV)"))

    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        index = json.loads(opened.read("observations.json"))
        assert index["schema"] == "bombus/observations@1"
        finds = index["observations"]
        photos = [name for find in finds for name in find["photos"]]
        assert sorted(opened.namelist()) == sorted(["observations.json", *photos])
        assert all(opened.read(photo)[:3] == b"\xff\xd8\xff" for photo in photos)
    assert [find["verdict"]["kind"] for find in finds] == ["sure", "sure"]
    rows = list(csv.DictReader(io.StringIO(table.read_text("utf-8-sig"))))
    assert [row["id"] for row in rows] == [find["id"] for find in finds]
    assert rows[0]["notes"] == "'=SUM(1)\nand more"  # no formula
    assert float(rows[0]["confidence_1"]) == finds[0]["verdict"]["guesses"][0]["confidence"]

    for left in (1, 0):
        kept.finds.first.get_by_role("link").click()
        kept.tap("Delete")
        expect(kept.finds).to_have_count(left)
    kept.page.get_by_text("More", exact=True).click()
    restored = tmp_path / "export.zip"
    restored.write_bytes(archive.read_bytes())
    for words in ("2 finds imported.", "0 finds imported."):
        kept.page.get_by_label("Import a ZIP").set_input_files(restored)
        expect(kept.message).to_have_text(words)
    expect(kept.finds).to_have_count(2)
    kept.open_find(newest)
    expect(kept.page.get_by_label("Notes")).to_have_value("=SUM(1)\nand more")
    expect(kept.page.get_by_role("img", name="Photo 1 of this plant")).to_be_visible()


def test_a_zip_that_is_none(kept: App, album: Album, tmp_path: Path) -> None:
    kept.page.get_by_text("More", exact=True).click()
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("../../observations.json", "{}")
    for wrong in (tmp_path / "other.zip", album["first"]):
        kept.page.get_by_label("Import a ZIP").set_input_files(wrong)
        expect(kept.alert).to_contain_text("This isn’t a Bombus export")
    expect(kept.finds).to_have_count(2)
