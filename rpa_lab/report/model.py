"""The one model of a report, from which every writer writes: sections of text, key figures, tables and charts.

A notebook builds it piece by piece. Adding returns a new report and leaves the old one as it was::

    report = Report(title="Invoices", period=period_of(span), provenance=origin)
    report = report.section("How long", Text(text="Half of the runs take under 42 s."))

It comes back equal from JSON: ``Report.from_dict(report.to_dict()) == report``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final, Self

from rpa_lab import __version__
from rpa_lab.errors import InputError, quote
from rpa_lab.period import EVER
from rpa_lab.report.block import Block, Chart, Kpis, block_from_dict
from rpa_lab.result import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from rpa_lab.period import Span
    from rpa_lab.storage.store import TimeSeriesStore

__all__ = ["FORMAT", "MIME", "VERSION", "Provenance", "Report", "ReportPeriod", "Section"]

MIME: Final = "application/vnd.rpa-lab.report+json"
"""The media type under which a notebook's outputs hold a report; `docs/report.schema.json` is its schema."""

FORMAT: Final = "rpa-lab.report"
VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPeriod:
    """The time that a report covers: in words, as UTC bounds (ISO, half-open), and the zone of its days."""

    text: str
    start: str
    end: str
    tz: str = "UTC"

    @classmethod
    def of(cls, span: Span) -> Self:
        """The period of a resolved span.

        Parameters
        ----------
        span : Span
            As `Lab.span` gives it.

        Returns
        -------
        ReportPeriod

        Examples
        --------
        >>> from rpa_lab.period import Period
        >>> ReportPeriod.of(Period("2026-11").resolve()).text
        '1 November 2026 to 30 November 2026 (UTC)'
        """
        start, _, end = str(span).partition("/")
        always = (span.start, span.end) == (EVER.start, EVER.end)
        return cls(text=f"all time ({span.tz})" if always else span.describe(), start=start, end=end, tz=span.tz)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a report's figures come from, so that somebody else can make them again.

    `n` is the number of executions that it rests on; `as_of` the time from which "30d" counts back; times are ISO, UTC.
    """

    store: str
    tz: str
    as_of: str
    n: int
    version: str = __version__
    generated_at: str = field(default_factory=lambda: _iso(datetime.now(UTC).replace(microsecond=0)))

    @classmethod
    def of(cls, store: TimeSeriesStore, *, n: int) -> Self:
        """The origin of figures that were computed from a store just now.

        Parameters
        ----------
        store : TimeSeriesStore
            `Lab.store`.
        n : int
            How many executions the report rests on.

        Returns
        -------
        Provenance

        Examples
        --------
        >>> import tempfile
        >>> from rpa_lab.storage.store import TimeSeriesStore
        >>> Provenance.of(TimeSeriesStore(tempfile.mkdtemp(), tz="Europe/Paris"), n=0).tz
        'Europe/Paris'
        """
        return cls(store=store.where, tz=store.tz, as_of=_iso(store.now), n=n)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading, and what stands under it."""

    title: str
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Report(Result):
    """A report: what it found in one sentence (`summary`), its sections, its doubts (`warnings`), where it comes from.

    Examples
    --------
    >>> period = ReportPeriod(text="3 November 2026", start="2026-11-03T00:00:00Z", end="2026-11-04T00:00:00Z")
    >>> origin = Provenance(store="data/store", tz="UTC", as_of="2026-11-04T00:00:00Z", n=40)
    >>> empty = Report(title="Invoices", period=period, provenance=origin)
    >>> report = empty.warn("n is small").section("How long")
    >>> len(empty.sections), [section.title for section in report.sections], report.warnings
    (0, ['How long'], ('n is small',))
    """

    title: str
    period: ReportPeriod
    provenance: Provenance
    summary: str = ""
    sections: tuple[Section, ...] = ()
    warnings: tuple[str, ...] = ()

    def section(self, title: str, *blocks: Block) -> Report:
        """The report with one more section.

        Parameters
        ----------
        title : str
            The heading. A section of that title is replaced, in its place: so a notebook's cell can be run again.
        *blocks : Text, Kpis, Table or Chart
            In the order in which they are to be read.

        Returns
        -------
        Report
        """
        new = Section(title=title, blocks=blocks)
        if any(section.title == title for section in self.sections):
            return replace(self, sections=tuple(new if old.title == title else old for old in self.sections))
        return replace(self, sections=(*self.sections, new))

    def warn(self, *warnings: str) -> Report:
        """The report with more to be wary of; what is there already isn't said twice.

        Parameters
        ----------
        *warnings : str
            One sentence each.

        Returns
        -------
        Report
        """
        return replace(self, warnings=tuple(dict.fromkeys((*self.warnings, *warnings))))

    def blocks(self) -> Iterable[Block]:
        """All blocks, in reading order."""
        return (block for section in self.sections for block in section.blocks)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON holds it (`docs/report.schema.json`)."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "title": self.title,
            "summary": self.summary,
            "period": asdict(self.period),
            "provenance": asdict(self.provenance),
            "warnings": list(self.warnings),
            "sections": [
                {"title": section.title, "blocks": [block.to_dict() for block in section.blocks]}
                for section in self.sections
            ],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        """The report that `to_dict` made this of.

        Parameters
        ----------
        data : mapping
            As `to_dict` gives it.

        Returns
        -------
        Report

        Raises
        ------
        InputError
            If it is no report, or one of a newer version.
        """
        if data.get("format") != FORMAT:
            raise InputError(f"format {quote(data.get('format'))} is no report; expected {FORMAT!r}")
        if data.get("version") != VERSION:
            raise InputError(f"report version {quote(data.get('version'))} can't be read; expected {VERSION}")
        try:
            return cls(
                title=data["title"],
                summary=data["summary"],
                period=ReportPeriod(**data["period"]),
                provenance=Provenance(**data["provenance"]),
                warnings=tuple(data["warnings"]),
                sections=tuple(
                    Section(title=section["title"], blocks=tuple(map(block_from_dict, section["blocks"])))
                    for section in data["sections"]
                ),
            )
        except (TypeError, KeyError, AttributeError) as wrong:
            raise InputError(f"report {quote(data.get('title'))} is not as expected: {wrong!r}") from wrong

    def to_html(self) -> str:
        """The report as one page that needs no network; see `rpa_lab.report.html`."""
        from rpa_lab.report.html import to_html

        return to_html(self)

    def write_html(self, path: str | Path) -> Path:
        """Write the report as one page that needs no network; see `rpa_lab.report.html`."""
        from rpa_lab.report.html import write_html

        return write_html(self, path)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:  # noqa: ARG002
        return {"text/html": self._repr_html_(), "text/plain": f"Report: {self.title}", MIME: self.to_dict()}

    def _repr_html_(self) -> str:
        """A card: what the report says in short. The cells before it show its parts, the written page all of it."""
        tiles = next((block._repr_html_() for block in self.blocks() if isinstance(block, Kpis)), "")
        findings = "".join(f"<li>{escape(block.title)}</li>" for block in self.blocks() if isinstance(block, Chart))
        warnings = "".join(f"<p>⚠ {escape(text)}</p>" for text in self.warnings)
        origin = self.provenance
        return (
            "<div style='border-left:3px solid #4a7fb5;padding-left:1em'>"
            f"<p style='font-size:1.3em;font-weight:600;margin:0'>{escape(self.title)}</p>"
            f"<p style='opacity:.75'>{escape(self.period.text)}</p><p>{escape(self.summary)}</p>{tiles}"
            f"<ul>{findings}</ul>{warnings}"
            f"<p style='font-size:.85em;opacity:.75'>{origin.n:,} runs · {escape(origin.store)} · as of "
            f"{escape(origin.as_of)} · rpa_lab {escape(origin.version)}</p></div>"
        )


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
