"""Figures as PNG files, drawn by matplotlib without a display."""

from pathlib import Path
from typing import TYPE_CHECKING

from labelonce.report import printable
from labelonce.tuning.sweeping import Sweep
from labelonce.writing import MADE_BY, PNG, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito (2008), "Color universal design": told apart by the colour-blind too
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#595959"
INCHES, DPI = (8.0, 4.8), 200  # twice the pixels that a page shows
ROOM = 1.05  # of the axis above the highest possible value


def curve(found: Sweep) -> "Figure":
    """Tasks left to label against the threshold, with and without verification, the present one marked."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter, StrMethodFormatter

    figure = Figure(figsize=INCHES, dpi=DPI, layout="constrained")
    axes = figure.subplots()
    similarity = [step.similarity for step in found.steps]
    plain = [step.left_unverified for step in found.steps if step.left_unverified is not None]
    name = f"verified (level {found.settings['level']})" if plain else "without verification"
    _line(axes, similarity, [step.left for step in found.steps], BLUE, "o-", name)
    if plain:
        _line(axes, similarity, plain, ORANGE, "s--", "the same pairs without verification")
    present = next(step for step in found.steps if step.present)
    axes.axvline(present.similarity, color=GREY, linewidth=1.2, linestyle=":", zorder=2)
    axes.plot(
        [present.similarity], [present.left], "o", markersize=10, zorder=4, clip_on=False,
        markerfacecolor="white", markeredgecolor=BLUE, markeredgewidth=2,
        label=f"now: {present.similarity:g} %, {present.left:,} left",
    )  # fmt: skip
    title = f"What a threshold leaves to label: {printable(shortened(found.source))}"
    axes.set_title(title, loc="left", parse_math=False)
    axes.set_xlabel("Threshold: least cosine similarity of duplicates (%)")
    axes.set_ylabel(f"Left to label (of {found.tasks:,} tasks)")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_ylim(0, ROOM * max(1, found.tasks))
    axes.set_xlim(similarity[-1] - 0.02 * (100 - similarity[-1]), 100)
    axes.grid(visible=True, color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)
    share = axes.twinx()
    share.set_ylim(0, ROOM)
    share.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    share.set_ylabel("Share of the tasks")
    for part in (*axes.spines.values(), *share.spines.values()):
        part.set_color("#BBBBBB")
    axes.legend(loc="best", frameon=True, framealpha=0.95, edgecolor="#DDDDDD")
    return figure


def _line(axes: "Axes", similarity: list[float], left: list[int], colour: str, style: str, name: str) -> None:
    axes.plot(similarity, left, style, color=colour, label=name, linewidth=2, markersize=4, clip_on=False, zorder=3)


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG, whole or not at all; equal figures are equal files."""
    with whole(path, PNG) as file:
        figure.savefig(file, format="png", metadata={"Software": MADE_BY})


def shortened(text: str, length: int = 48) -> str:
    """The end of a long text, which tells paths and addresses apart."""
    return text if len(text) <= length else "…" + text[1 - length :]
