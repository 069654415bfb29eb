"""The species pages that the app ships: complete, and the same facts in every language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

REPOSITORY = Path(__file__).parents[2]
PAGES = REPOSITORY / "edge_app" / "web" / "public" / "species"
LANGUAGES = ("en", "es", "de", "fr", "tr", "zh")
MAX_BYTES = 32 * 1024  # all six are cached on the phone

Text = Annotated[str, Field(pattern=r"^\S(.*\S)?$")]  # not empty, trimmed, one line


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LookAlike(Part):
    name: Text
    latin: Text
    tell: Text


class Toxicity(Part):
    people: Text
    pets: Text
    level: Literal["none", "mild", "toxic"]


class Species(Part):
    """`Species` of edge_app/web/src/types.ts."""

    label: Text
    latin: Text
    family: Annotated[str, Field(pattern=r"^[A-Z][a-z]+aceae\W.*\w\W$")]  # Latin (in words)
    name: Text
    otherNames: Annotated[list[Text], Field(min_length=1)]
    description: Text
    season: Text
    months: Annotated[list[Annotated[int, Field(ge=1, le=12)]], Field(min_length=1)]
    toxicity: Toxicity
    lookAlikes: Annotated[list[LookAlike], Field(min_length=2, max_length=3)]


def read(language: str) -> list[Species]:
    text = (PAGES / f"{language}.json").read_text(encoding="utf-8")
    return TypeAdapter(list[Species]).validate_json(text)


def facts(species: Species) -> dict[str, object]:
    """What no language changes."""
    return {
        "label": species.label,
        "latin": species.latin,
        "family": species.family.split("aceae")[0],
        "months": species.months,
        "level": species.toxicity.level,
        "look-alikes": [other.latin for other in species.lookAlikes],
    }


def tells(species: Species) -> list[str]:
    return [other.tell for other in species.lookAlikes]


def sentences(species: Species) -> list[str]:
    """What every language says in its own words; names may coincide ("magnolia")."""
    return [
        species.description,
        species.season,
        species.toxicity.people,
        species.toxicity.pets,
        *tells(species),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_has_a_page_for_each_label_of_the_flowers(language: str) -> None:
    manifest = json.loads((REPOSITORY / "models" / "flowers" / "manifest.json").read_text())
    assert [species.label for species in read(language)] == manifest["labels"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_months_are_in_order_and_names_differ(language: str) -> None:
    pages = read(language)
    for species in pages:
        assert species.months == sorted(set(species.months)), species.label
        names = [species.name, *species.otherNames]
        assert len(set(names)) == len(names), species.label
    assert len({species.name for species in pages}) == len(pages)


@pytest.mark.parametrize("language", LANGUAGES)
def test_look_alikes_that_the_app_knows_come_first_under_their_own_name(language: str) -> None:
    pages = read(language)
    names = {species.latin: species.name for species in pages}
    for species in pages:
        known = [other.latin in names for other in species.lookAlikes]
        assert known == sorted(known, reverse=True), species.label
        for other in species.lookAlikes:
            assert other.latin != species.latin
            assert other.name == names.get(other.latin, other.name)


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_language_states_the_same_facts_in_its_own_words(language: str) -> None:
    for english, translated in zip(read("en"), read(language), strict=True):
        assert facts(translated) == facts(english)
        assert not set(sentences(translated)) & set(sentences(english)), english.label


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_description_is_pasted_twice(language: str) -> None:
    own = [text for species in read(language) for text in (species.description, *tells(species))]
    assert len(set(own)) == len(own)


@pytest.mark.parametrize("language", LANGUAGES)
def test_is_small(language: str) -> None:
    assert (PAGES / f"{language}.json").stat().st_size <= MAX_BYTES
