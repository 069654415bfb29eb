"""Cutting a stream into lines in bounded memory."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from robot.sources.lines import Lines, lines_of


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)), st.integers(1, 40))
def test_the_cuts_of_the_stream_do_not_matter(data: bytes, cuts: list[int], longest: int) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    chunks = [data[a:b] for a, b in pairwise(edges)]
    parts = data.split(b"\n")
    wanted = parts if parts[-1] else parts[:-1]
    assert list(lines_of(chunks, longest)) == [
        line.rstrip(b"\r") if len(line) <= longest else None for line in wanted
    ]


@given(st.lists(st.binary(max_size=50)))
def test_what_is_kept_is_bounded(chunks: list[bytes]) -> None:
    lines = Lines(20)
    for chunk in chunks:
        lines.feed(chunk)
        assert len(lines._rest) <= 20
