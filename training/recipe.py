"""Recipes as frozen data and as TOML: what all of them share."""

from __future__ import annotations

import tomllib
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from models.errors import InputError

Part = TypeVar("Part", bound=Any)


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML recipe.

    Raises:
        InputError: The file cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML recipe ({error}); mend that line") from error


def with_values(recipe: Part, values: dict[str, Any], origin: str) -> Part:
    """A copy of a recipe (or a part of it) with some values replaced, nested tables included.

    Raises:
        InputError: A key that the recipe lacks, or a value of another type.
    """
    known = {f.name: getattr(recipe, f.name) for f in fields(recipe)}
    changes: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise InputError(f"{origin}: unknown key {key!r}; one of {', '.join(known)}")
        old = known[key]
        if is_dataclass(old):
            if not isinstance(value, dict):
                raise InputError(f"{origin}: {key} = {value!r} must be a table [{key}]")
            changes[key] = with_values(old, value, f"{origin} [{key}]")
        elif isinstance(old, float) and type(value) is int:
            changes[key] = float(value)
        elif isinstance(old, tuple) and isinstance(value, list):
            changes[key] = tuple(value)
        elif type(value) is type(old):
            changes[key] = value
        else:
            raise InputError(f"{origin}: {key} = {value!r} must be of type {type(old).__name__}")
    return replace(recipe, **changes)
