"""How our charts look, once; and by which renderer a notebook shows them.

Text and lines are drawn in ``currentColor``, so that a chart takes the colour of the page that it stands on, be it
light, dark or printed. The hues of the data were chosen to be told apart by colour-blind readers, and on both grounds.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from rpa_lab.units import name_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt

__all__ = ["COLOURS", "RENDERER_VARIABLE", "empty", "finish", "short", "use_renderer"]

RENDERER_VARIABLE: Final = "RPA_LAB_RENDERER"
"""Environment variable that says which renderer `use_renderer` takes; the report generator sets it for its kernels."""

COLOURS: Final = {
    "data": "#4a7fb5",
    "strong": "#c8553d",
    "completed": "#8fb0d0",
    "failed": "#c8553d",
    "cancelled": "#dba13a",
    "abandoned": "#8d7aa8",
}
"""The colour of what: ``data`` for what is counted, ``strong`` for what to look at, and one for each status."""

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Helvetica, Arial, sans-serif"
_TEXT = {"labelColor": "currentColor", "labelOpacity": 0.75, "labelFont": _FONT, "labelFontSize": 11.5}
_TITLE_WIDTH = 72
_CONFIG: dict[str, Any] = {
    "background": "transparent",
    "padding": {"left": 12, "right": 12, "top": 5, "bottom": 5},  # a viewer's font may be wider than the one measured
    "font": _FONT,
    "view": {"stroke": None, "continuousWidth": 680, "continuousHeight": 250},
    "title": {
        "anchor": "start",
        "color": "currentColor",
        "fontSize": 15,
        "fontWeight": 600,
        "subtitleColor": "currentColor",
        "subtitleFontSize": 12,
        "subtitlePadding": 5,
        "offset": 14,
        "frame": "group",
    },
    "axis": {
        **_TEXT,
        "titleColor": "currentColor",
        "titleOpacity": 0.75,
        "titleFontWeight": "normal",
        "titleFontSize": 11.5,
        "titlePadding": 10,
        "labelPadding": 6,
        "gridColor": "currentColor",
        "gridOpacity": 0.1,
        "domain": False,
        "ticks": False,
    },
    "legend": {
        **_TEXT,
        "titleColor": "currentColor",
        "orient": "top",
        "direction": "horizontal",
        "title": None,
        "symbolType": "square",
        "columns": 4,
    },
    "text": {"color": "currentColor", "font": _FONT, "fontSize": 11.5},
    "bar": {"color": COLOURS["data"]},
    "line": {"color": COLOURS["data"]},
}


def finish(
    *layers: alt.Chart | alt.LayerChart, title: str, subtitle: str | Sequence[str], height: int | None = None
) -> alt.LayerChart:
    """Lay charts over one another and give the whole its title and our look.

    Parameters
    ----------
    *layers : altair.Chart
        Drawn in this order.
    title : str
        A sentence that states the finding.
    subtitle : str or sequence of str
        What was counted, with n; one string a line.
    height : int, optional
        Of the plot, in pixels.

    Returns
    -------
    altair.LayerChart
        Its specification carries the look along, wherever it is shown.
    """
    import altair as alt

    heading = alt.Title(_lines(title), subtitle=subtitle)
    chart: alt.LayerChart | alt.FacetChart = alt.layer(*layers).properties(title=heading)
    if height is not None:
        chart = chart.properties(height=height)
    styled: alt.LayerChart = chart.configure(**_CONFIG)
    return styled


def empty(*, title: str, subtitle: str) -> alt.LayerChart:
    """What a chart is where there is nothing to draw: its title, and a line that says so.

    Parameters
    ----------
    title, subtitle : str
        As of `finish`.

    Returns
    -------
    altair.LayerChart
    """
    import altair as alt
    import polars as pl

    words = alt.Chart(pl.DataFrame({"text": ["nothing to draw"]})).mark_text(opacity=0.6, fontStyle="italic")
    return finish(words.encode(text="text:N"), title=title, subtitle=subtitle, height=60)


def short(text: str, *, most: int = 44) -> str:
    r"""A long text cut in its middle, on one line: the ends of paths and names tell more than their middles.

    Parameters
    ----------
    text : str
        Anything that a bot said.
    most : int
        How many characters to keep, the ellipsis among them.

    Returns
    -------
    str

    Examples
    --------
    >>> short("open the portal > find the customer > press the button", most=27)
    'open the p … ess the button'
    >>> short("two\nlines"), short(" ")
    ('two lines', '(no name)')
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) <= most:
        return name_text(line)
    head = (most - 1) * 2 // 5
    return f"{line[:head].rstrip()} … {line[len(line) - (most - head - 3) :].lstrip()}"


def use_renderer() -> str:
    """Let Altair show charts in the way that works here.

    In a notebook that the report generator runs, as SVG, which any viewer of the executed notebook can show; in a live
    session as interactive charts that need no network, if `anywidget` is installed, else as SVG.

    Returns
    -------
    str
        The name of the renderer that is now in use.

    Examples
    --------
    >>> use_renderer() in {"svg", "jupyter"}
    True
    """
    import altair as alt

    wanted = os.environ.get(RENDERER_VARIABLE, "")
    if wanted == "jupyter" or (not wanted and find_spec("anywidget") and find_spec("ipykernel")):
        alt.renderers.enable("jupyter", offline=True)
        return "jupyter"
    alt.renderers.enable("svg")
    return "svg"


def _lines(title: str) -> str | list[str]:
    """A long title in lines, broken between its two halves where it has such."""
    if len(title) <= _TITLE_WIDTH:
        return title
    first, semicolon, rest = title.partition("; ")
    return [first + ";", *wrap(rest, _TITLE_WIDTH)] if semicolon else wrap(title, _TITLE_WIDTH)
