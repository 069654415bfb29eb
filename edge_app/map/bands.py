"""Bands by their names: those that a scene's file gives them, or its user.

`B02` is `B2`, and `b8a` is `B8A`; nothing else is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from models.errors import InputError


def canonical(name: str) -> str:
    """A band's name as it is compared: `b02` becomes `B2`."""
    return re.sub(r"^([A-Z]+)0+(?=\d)", r"\1", name.strip().upper())


def find_bands(
    scene: str,
    wanted: Sequence[str],
    own: Sequence[str | None],
    given: Sequence[str] = (),
) -> tuple[int, ...]:
    """Where each wanted band is, from 1.

    Args:
        scene: What to call it in errors.
        wanted: Names.
        own: What the file calls each of its bands, if anything.
        given: What the user calls each of them, in the file's order; empty takes the file's names.

    Raises:
        InputError: A wanted band is not there, or twice; or the user's names do not fit the file.
    """
    names = [canonical(name or "") for name in own]
    if given:
        names = _given(scene, names, [canonical(name) for name in given])
    if not any(names):
        raise InputError(
            f"{scene}: its {len(names)} bands have no names; say --bands with a name for each in "
            f"the file's order; the bundle reads {','.join(wanted)}"
        )
    missing = [name for name in wanted if canonical(name) not in names]
    if missing:
        raise InputError(
            f"{scene}: no band {', '.join(missing)} among its {len(names)} "
            f"({', '.join(name or '?' for name in names)}); the bundle reads {','.join(wanted)}: "
            "give a scene that has them, or name its bands with --bands"
        )
    twice = [name for name in wanted if names.count(canonical(name)) > 1]
    if twice:
        raise InputError(f"{scene}: two of its bands are named {twice[0]}; name them with --bands")
    return tuple(names.index(canonical(name)) + 1 for name in wanted)


def _given(scene: str, own: list[str], given: list[str]) -> list[str]:
    """The user's names, unless the file speaks against them."""
    if len(given) != len(own):
        raise InputError(
            f"{scene}: {len(own)} bands, but {len(given)} names in --bands; name each in its order"
        )
    for place, name in enumerate(given):
        if name in own and own[place] != name:
            raise InputError(
                f"{scene}: --bands says that band {place + 1} is {name}, the file that "
                f"band {own.index(name) + 1} is; correct --bands, or leave it out"
            )
    return given
