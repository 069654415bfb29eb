"""What the parts of a manifest are made of: bounded numbers, safe names, no unknown keys.

A manifest comes from outside and decides what the device does with its inputs.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Dtype = Literal["float64", "float32", "float16", "uint8", "int8", "int32", "int64", "bool"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
Name = Annotated[str, Field(pattern=NAME)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Part(BaseModel):
    """A table of the manifest; it can't be changed once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
