"""The page: one HTML file that asks nobody for anything.

Whatever stands in a dataset may be hostile: jinja2 escapes every text, the page has no script at all, and its
policy (CSP) would forbid one, and every request, should a text ever get through.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup

from grader_service.report.advice import percent
from grader_service.report.comparison import Comparison
from grader_service.report.examples import Decile
from grader_service.report.facts import Fact, number
from grader_service.report.outcomes import CauseCount
from grader_service.report.shown import Shown
from grader_service.report.summary import Summary
from grader_service.report.times import SlowGrade
from grader_service.report.visible import line

_FOLDER: Final = Path(__file__).parent
TEMPLATE: Final = "page.html"
STYLE: Final = "page.css"


@dataclass(frozen=True, slots=True)
class Picture:
    """`svg` is ours: matplotlib has escaped the texts in it."""

    name: str
    title: str
    told: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class ShownDecile:
    decile: Decile
    samples: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class ShownFlip:
    """One output under both graders."""

    first: Shown
    second: Shown


@dataclass(frozen=True, slots=True)
class Versus:
    """Two graders. `different` pairs, of `checked`, had not the same output."""

    first: str
    second: str
    summary: Summary
    comparison: Comparison
    facts: tuple[Fact, ...]
    pictures: tuple[Picture, ...]
    gained: tuple[ShownFlip, ...]
    lost: tuple[ShownFlip, ...]
    checked: int
    different: int


@dataclass(frozen=True, slots=True)
class ShownCause:
    """`details` are those of one sample."""

    cause: CauseCount
    details: str
    index: int
    n: int


@dataclass(frozen=True, slots=True)
class Page:
    file: str
    grader: str | None
    summary: Summary
    facts: tuple[Fact, ...]
    pictures: tuple[Picture, ...]
    causes: tuple[ShownCause, ...]
    deciles: tuple[ShownDecile, ...]
    slowest: tuple[tuple[SlowGrade, Shown], ...]
    versus: Versus | None


def render(page: Page) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "number": number, "whole": whole, "line": line}
    style = Markup((_FOLDER / STYLE).read_text(encoding="utf-8"))  # noqa: S704 - our own file
    return environment.get_template(TEMPLATE).render(page=page, style=style)


def whole(value: int) -> str:
    return f"{value:,}"
