"""The fields that a picture is asked for with: what may stand in each. Numbers and texts are taken as they are."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field

#: Most pictures in one request.
MAX_PICTURES: Final = 10_000

#: Most text that the pictures of one request may have of their own, after lists were combined: as much as fits into a
#: body, which has all of it where lists stand beside each other. Combined, a small body could stand for gigabytes.
MAX_TEXT_BYTES: Final = 8 * 1024 * 1024

#: Seeds are 0 … 2^32 - 1, as in InvokeAI; the next one after the last is 0.
SEED_RANGE: Final = 2**32

#: How all models of requests are: nothing is bent into shape, and unknown names are mistakes.
STRICT: Final = ConfigDict(extra="forbid", frozen=True, strict=True)


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the NUL character")
    return text


Text = Annotated[str, AfterValidator(_no_nul)]
Label = Annotated[Text, Field(max_length=255)]
PositivePrompt = Annotated[Text, Field(min_length=1, max_length=4000)]
NegativePrompt = Annotated[Text, Field(max_length=4000)]
Side = Annotated[int, Field(ge=64, le=2048, multiple_of=8)]
Steps = Annotated[int, Field(ge=1, le=150)]
CfgScale = Annotated[float, Field(ge=1, le=30, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=SEED_RANGE)]
