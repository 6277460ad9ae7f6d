"""What a section of a report is made of: text, tiles of key figures, tables, charts.

Each is a frozen value that becomes JSON and comes back equal, and that a notebook shows. Texts are plain: what a bot
said stands in them as it is, and the writers escape it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

from rpa_lab.errors import InputError, quote
from rpa_lab.report.figures import TIME_UNITS, UNITS, Cell, in_unit, signed_text, typical_unit, value_text
from rpa_lab.result import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import altair as alt
    import polars as pl

    from rpa_lab.units import TimeUnit

__all__ = [
    "Block",
    "Chart",
    "Column",
    "Kpi",
    "Kpis",
    "Table",
    "Text",
    "block_from_dict",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Paragraphs of plain text, parted by empty lines."""

    kind: ClassVar[str] = "text"

    text: str

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """The paragraphs, each on one line."""
        return tuple(" ".join(part.split()) for part in self.text.split("\n\n") if part.strip())

    def to_dict(self) -> dict[str, Any]:
        """The text as JSON holds it."""
        return {"kind": self.kind, **asdict(self)}

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(part)}</p>" for part in self.paragraphs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi:
    """One key figure. `note` says what it was counted from; `tone` is ``""``, ``"good"`` or ``"bad"``.

    A difference is `signed`.
    """

    label: str
    value: Cell
    unit: str = ""
    note: str = ""
    tone: str = ""
    signed: bool = False

    def __post_init__(self) -> None:
        _one_of("unit", self.unit, UNITS)
        _one_of("tone", self.tone, ("", "good", "bad"))

    @property
    def text(self) -> str:
        """The figure with its unit, as a reader sees it."""
        text = value_text(self.value, self.unit)
        return signed_text(text, self.value) if self.signed else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpis:
    """A row of key figures."""

    kind: ClassVar[str] = "kpis"

    tiles: tuple[Kpi, ...]

    def to_dict(self) -> dict[str, Any]:
        """The tiles as JSON holds them."""
        return {"kind": self.kind, "tiles": [asdict(tile) for tile in self.tiles]}

    def _repr_html_(self) -> str:
        tiles = "".join(
            "<div style='flex:1 1 9em;padding:.7em 1em;border:1px solid rgba(128,128,128,.35);border-radius:8px'>"
            f"<div style='font-size:.85em;opacity:.75'>{escape(tile.label)}</div>"
            f"<div style='font-size:1.6em;font-weight:600;line-height:1.4'>{escape(tile.text)}</div>"
            f"<div style='font-size:.8em;opacity:.75'>{escape(tile.note)}</div></div>"
            for tile in self.tiles
        )
        return f"<div style='display:flex;flex-wrap:wrap;gap:.7em'>{tiles}</div>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table: its name in the data, its heading, and the unit of its values.

    Durations are shown in the unit of time that `symbol` names ("s"), else in that of a typical one. Differences are
    `signed`.
    """

    name: str
    label: str
    unit: str = ""
    symbol: str = ""
    signed: bool = False

    def __post_init__(self) -> None:
        _one_of("unit", self.unit, UNITS)
        _one_of("symbol", self.symbol, ("", *TIME_UNITS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of figures; their values are raw, in the unit of their column."""

    kind: ClassVar[str] = "table"

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise InputError(
                    f"row {number} of table {quote(self.title)} has {len(row)} cells, not {len(self.columns)}"
                )

    @classmethod
    def from_frame(
        cls,
        frame: pl.DataFrame,
        *,
        title: str,
        units: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        note: str = "",
    ) -> Table:
        """A table of a frame's rows.

        Parameters
        ----------
        frame : polars.DataFrame
            Small: every row is shown.
        title : str
            What the rows are.
        units, labels : mapping, optional
            Unit and heading by column. Without them a name that ends in ``_ms`` is in milliseconds, ``share`` is a
            fraction, integers are counts; the heading is the name in words.
        note : str
            Stands below the table.

        Returns
        -------
        Table

        Examples
        --------
        >>> import polars as pl
        >>> table = Table.from_frame(pl.DataFrame({"node_id": ["login"], "mean_ms": [1_500.0]}), title="Steps")
        >>> table.headings, table.texts
        (('node id', 'mean (s)'), (('login', '1.50'),))
        """
        columns = tuple(
            Column(
                name=name,
                label=(labels or {}).get(name, name.removesuffix("_ms").replace("_", " ")),
                unit=(units or {}).get(name, _unit_of(name, is_count=frame[name].dtype.is_integer())),
            )
            for name in frame.columns
        )
        return cls(title=title, columns=columns, rows=tuple(tuple(map(plain, row)) for row in frame.rows()), note=note)

    @property
    def headings(self) -> tuple[str, ...]:
        """The columns' headings, with the units in which `texts` gives their values."""
        units = self._time_units()
        return tuple(
            f"{column.label} ({unit.symbol})" if unit else column.label
            for column, unit in zip(self.columns, units, strict=True)
        )

    @property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """The rows as a reader sees them; all durations of a column in one unit."""
        units = self._time_units()
        return tuple(
            tuple(_cell_text(value, column, unit) for value, column, unit in zip(row, self.columns, units, strict=True))
            for row in self.rows
        )

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Which columns hold figures, to be aligned at their right."""
        return tuple(
            bool(column.unit) or any(isinstance(row[at], int | float) for row in self.rows)
            for at, column in enumerate(self.columns)
        )

    def to_dict(self) -> dict[str, Any]:
        """The table as JSON holds it."""
        return {
            "kind": self.kind,
            "title": self.title,
            "columns": [asdict(column) for column in self.columns],
            "rows": [list(row) for row in self.rows],
            "note": self.note,
        }

    def _time_units(self) -> tuple[TimeUnit | None, ...]:
        return tuple(
            None
            if column.unit != "ms"
            else TIME_UNITS[column.symbol]
            if column.symbol
            else typical_unit([row[at] for row in self.rows])
            for at, column in enumerate(self.columns)
        )

    def _repr_html_(self) -> str:
        align = ["right" if numeric else "left" for numeric in self.numeric]
        head = "".join(
            f"<th style='text-align:{side}'>{escape(text)}</th>"
            for text, side in zip(self.headings, align, strict=True)
        )
        body = "".join(
            "<tr>"
            + "".join(
                f"<td style='text-align:{side}'>{escape(text)}</td>" for text, side in zip(row, align, strict=True)
            )
            + "</tr>"
            for row in self.texts
        )
        note = f"<p style='opacity:.75'>{escape(self.note)}</p>" if self.note else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A Vega-Lite chart with its data inside. The title is a sentence that states the finding."""

    kind: ClassVar[str] = "chart"

    title: str
    subtitle: str
    spec: dict[str, Any]
    note: str = ""

    def __post_init__(self) -> None:
        if url := _loads(self.spec):
            raise InputError(f"chart {quote(self.title)} loads {quote(url)}; expected all of its data inside")

    @classmethod
    def of(cls, chart: alt.LayerChart, *, note: str = "") -> Chart:
        """A chart of `rpa_lab.chart`, its title taken out, so that each writer can set it as text.

        Parameters
        ----------
        chart : altair.LayerChart
            With a title.
        note : str
            Stands below the chart: how it is to be read, what to doubt.

        Returns
        -------
        Chart

        Raises
        ------
        InputError
            If its data lies elsewhere.

        Examples
        --------
        >>> import polars as pl
        >>> from rpa_lab.chart.distribution import duration_distribution
        >>> bins = pl.DataFrame({"from_ms": [0.0], "to_ms": [10e3], "n": [80]})
        >>> Chart.of(duration_distribution(bins, median_ms=5e3, p95_ms=9e3, workflow_id="invoices")).title
        'Half of the runs take under 5 s; one in twenty takes more than 9 s'
        """
        spec = chart.to_dict()
        title = spec.pop("title", "")
        text, subtitle = (title.get("text", ""), title.get("subtitle", "")) if isinstance(title, dict) else (title, "")
        spec.pop("usermeta", None)  # would tell the page how to embed the chart
        return cls(title=_one_line(text), subtitle=_one_line(subtitle, between=" · "), spec=spec, note=note)

    def to_dict(self) -> dict[str, Any]:
        """The chart as JSON holds it."""
        return {"kind": self.kind, **asdict(self)}


Block = Text | Kpis | Table | Chart


def block_from_dict(data: Mapping[str, Any]) -> Block:
    """The block that `to_dict` made this of.

    Parameters
    ----------
    data : mapping
        As `to_dict` gives it.

    Returns
    -------
    Text, Kpis, Table or Chart

    Raises
    ------
    InputError
        If it isn't one.

    Examples
    --------
    >>> block_from_dict({"kind": "text", "text": "All is well."})
    Text(text='All is well.')
    """
    fields = {name: value for name, value in data.items() if name != "kind"}
    try:
        match data.get("kind"):
            case "text":
                return Text(**fields)
            case "kpis":
                return Kpis(tiles=tuple(Kpi(**tile) for tile in fields["tiles"]))
            case "table":
                columns = tuple(Column(**column) for column in fields.pop("columns"))
                return Table(columns=columns, rows=tuple(tuple(row) for row in fields.pop("rows")), **fields)
            case "chart":
                chart = Chart(**fields)
                return replace(chart, spec={name: part for name, part in chart.spec.items() if name != "usermeta"})
            case kind:
                raise InputError(f"block kind {quote(kind)} is unknown; expected 'text', 'kpis', 'table' or 'chart'")
    except (TypeError, KeyError, AttributeError) as wrong:
        raise InputError(f"block {quote(data)} is not as expected: {wrong}") from wrong


def _one_of(field: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise InputError(f"{field} {quote(value)} is unknown; expected one of {', '.join(map(repr, known))}")


def _unit_of(name: str, *, is_count: bool) -> str:
    if name.endswith("_ms"):
        return "ms"
    if name == "share":
        return "fraction"
    return "count" if is_count else ""


def _cell_text(value: Cell, column: Column, unit: TimeUnit | None) -> str:
    text = in_unit(value, unit) if unit else value_text(value, column.unit)
    return signed_text(text, value) if column.signed else text


def _one_line(text: object, *, between: str = " ") -> str:
    return between.join(map(str, text)) if isinstance(text, list) else str(text)


def _loads(part: object) -> str | None:
    """The first address from which a Vega-Lite specification would load something."""
    inner: Sequence[object] = ()
    if isinstance(part, dict):
        if isinstance(part.get("url"), str):
            return str(part["url"])
        inner = [value for name, value in part.items() if name not in {"datasets", "values"}]
    elif isinstance(part, list):
        inner = part
    return next((url for url in map(_loads, inner) if url), None)
