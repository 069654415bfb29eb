"""Noise files: read back what was written, and one line for what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError
from robot.noise_file import SENSOR, Sensor, dump_sensor, load_sensor
from robot.state import Noise

positive = st.floats(1e-12, 1e6)
anything = st.floats(-1e3, 1e3)
noises = st.builds(Noise, *[positive] * 6, slip=st.tuples(positive, positive))
sensors = st.builds(Sensor, noises, st.tuples(*[anything] * 3), st.tuples(*[anything] * 3))


@given(sensors)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, made: Sensor
) -> None:
    path = tmp_path_factory.mktemp("noise") / "noise.toml"
    path.write_text(dump_sensor(made, "made by a test\nin two lines"), encoding="utf-8")
    assert load_sensor(path) == made


def test_what_is_left_out_keeps_its_default(tmp_path: Path) -> None:
    path = tmp_path / "noise.toml"
    path.write_text("[noise]\ngyro = 1\n")
    assert load_sensor(path) == Sensor(Noise(gyro=1.0))
    path.write_text("")
    assert load_sensor(path) == SENSOR


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gyro = 1", "unknown key 'gyro'; one of noise, bias"),
        ("noise = 3", "must be a table"),
        ("[noise]\ngiro = 1", "unknown key 'giro'"),
        ("[noise]\ngyro = 0", "gyro = 0 must be a number above 0"),
        ("[noise]\ngyro = nan", "must be a number above 0"),
        ("[noise]\ngyro = true", "must be a number above 0"),
        ("[noise]\nslip = [1.0]", "slip = [1.0] must be 2 numbers above 0"),
        ("[noise]\nslip = 1.0", "must be 2 numbers above 0"),
        ("[bias]\ngyro = [1, 2, 'x']", "must be 3 numbers"),
        ("[noise", "not a TOML noise file"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "noise.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_sensor(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_sensor(tmp_path / "none.toml")
