"""Graders that a model can farm, each with the attack that must find it."""

from tests.doctor.hackable import codes, judged, numbers, structured, texts
from tests.doctor.planted import Planted

ALL: tuple[Planted, ...] = (
    *texts.ALL,
    *structured.ALL,
    *numbers.ALL,
    *codes.ALL,
    *judged.ALL,
)
