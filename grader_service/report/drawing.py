"""Turns matplotlib's figures into files, and into SVG that takes its colours from the page around it."""

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

INK: Final = "#24292f"
MUTED: Final = "#5b6570"
LINE: Final = "#d3d9df"
FIRST: Final = "#0072b2"
SECOND: Final = "#d55e00"
BAND: Final = "#009e73"

VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        INK: "var(--ink)",
        MUTED: "var(--muted)",
        LINE: "var(--line)",
        FIRST: "var(--first)",
        SECOND: "var(--second)",
        BAND: "var(--band)",
    }
)
"""Colours of the drawings, told apart by the colour-blind, and the page's names for them."""

WIDTH: Final = 4.6
"""Inches: a phone shows this at about its own size, a wide screen two side by side."""

_STYLE: Final = {
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.labelcolor": MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "hatch.linewidth": 1.2,
    "path.simplify": True,
    "svg.fonttype": "none",
    "text.color": INK,
    "text.parse_math": False,  # `$` in the name of a part is a `$`
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
}

_FORMATS: Final = ("svg", "png")


@dataclass(frozen=True)
class Drawing:
    """`name` is fit for a file, `told` says in words what is to be seen."""

    name: str
    title: str
    told: str
    figure: Figure


@contextmanager
def canvas(height: float) -> Iterator[tuple[Figure, Axes]]:
    """A figure with one pair of axes, `height` in inches, and the style while it is drawn."""
    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.add_subplot()
        axes.grid(axis="y", color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(length=0)
        yield figure, axes


def count_axis(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):,.0f}"))


def share_axis(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.0f} %"))


def inline_svg(drawing: Drawing) -> str:
    """For the inside of a page: no prolog, no metadata, colours by name."""
    text = _written(drawing, "svg").decode()
    text = text[text.index("<svg ") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Names inside one drawing must not meet those of another on the same page.
    text = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{drawing.name}-", text)
    head, rest = text.split(">", 1)
    head = re.sub(r' (?:width|height)="[^"]*"', "", head)
    for colour, variable in VARIABLES.items():
        rest = rest.replace(f": {colour}", f": {variable}")
    return f"{head}>{rest}"


def write(drawings: list[Drawing], folder: Path) -> list[Path]:
    """NAME.svg and NAME.png of each; the folder is made.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for drawing in drawings:
        for form in _FORMATS:
            path = folder / f"{drawing.name}.{form}"
            path.write_bytes(_written(drawing, form))
            paths.append(path)
    return paths


def _written(drawing: Drawing, form: str) -> bytes:
    """Without a date: the same rewards give the same bytes."""
    buffer = io.BytesIO()
    style = {**_STYLE, "svg.hashsalt": drawing.name}
    with mpl.rc_context(style), warnings.catch_warnings():  # type: ignore[arg-type]
        # Letters that our font lacks: a browser has others, a PNG shows boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        drawing.figure.savefig(
            buffer,
            format=form,
            dpi=160,
            facecolor="white" if form == "png" else "none",
            metadata={"Date": None} if form == "svg" else None,
        )
    return buffer.getvalue()
