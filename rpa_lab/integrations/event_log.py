"""Logs of events, as process mining has them: a case is an execution of a workflow, an activity one of its steps.

``rpa-lab import events orders.csv`` makes of the rows with ``case_id`` 7 the execution ``orders:7`` of the workflow
``orders``. CSV, Parquet and XES are read, gzipped or not. What our own export wrote comes back as it was (`own_log`).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Literal

import polars as pl

from rpa_lab.errors import InputError, SourceError, quote
from rpa_lab.integrations import own_log
from rpa_lab.integrations.event_cases import EXTRA, cases_of, with_gaps
from rpa_lab.integrations.event_columns import Columns, guess
from rpa_lab.integrations.event_table import MAX_ROWS, MAX_VALUES, EventTable, kind_of, read_csv, read_parquet
from rpa_lab.integrations.event_times import Times, read_times, repeated_hours
from rpa_lab.integrations.lifecycle import COMPLETIONS, STARTS, join
from rpa_lab.integrations.source import MAX_BYTES, Parsed, Source
from rpa_lab.integrations.unpack import pieces
from rpa_lab.integrations.xes import read_xes
from rpa_lab.records import execution_status, step_status

__all__ = ["EventLog", "Repeated"]

Repeated = Literal["refuse", "drop", "keep"]
"""What becomes of an event that stands in the log twice, all its values equal."""

_LONGEST_WORKFLOW: Final = 200
_LONGEST: Final = 290
"""Characters that a workflow, or a case, may have: an id of ours has 500 at most, and one that is cut is another's."""
_MORE_WORDS: Final = {"neutral": "completed", "startup_failure": "failed"}
_SUFFIXES: Final = (".gz", ".csv", ".tsv", ".txt", ".parquet", ".xes", ".xml")
_UNTIMED, _UNENDED = "events without a time", "events without an end"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLog:
    r"""Reads a log of events.

    Parameters
    ----------
    columns : Columns
        Which column means what; those that aren't said are taken from their usual names.
    workflow : str, optional
        The workflow that the cases are executions of; default: the name of the file, without its suffixes.
    time_format : str, optional
        How its times are written, in the letters of `strftime`; default ISO 8601.
    encoding, separator : str, optional
        Of CSV; default: what the file itself suggests.
    repeated : str
        What becomes of an event that stands there twice: ``"refuse"``, ``"drop"`` or ``"keep"``. Steps that were
        skipped may look alike.
    max_rows, max_values : int
        The most events that a file may have, and the most values: events times columns.
    max_unpacked : int
        The most bytes that a file may have when it is unpacked.

    Examples
    --------
    >>> from pathlib import Path
    >>> text = b"case_id,activity,start_time,end_time\n7,pay,2026-11-03T09:00Z,2026-11-03T09:30Z"
    >>> parsed = EventLog().parse(Source(path=Path("orders.csv"), content=text))
    >>> parsed.tables["executions"]["execution_id"].to_list(), parsed.tables["steps"]["duration_ms"].to_list()
    (['orders:7'], [1800000.0])
    """

    name: ClassVar[str] = "events"
    version: ClassVar[str] = "1"

    columns: Columns = field(default_factory=Columns)
    workflow: str | None = None
    time_format: str | None = None
    encoding: str | None = None
    separator: str | None = None
    repeated: Repeated = "refuse"
    max_rows: int = MAX_ROWS
    max_values: int = MAX_VALUES
    max_unpacked: int = MAX_BYTES

    def __post_init__(self) -> None:
        if self.repeated not in ("refuse", "drop", "keep"):
            raise InputError(f"repeated is {quote(self.repeated)}, expected refuse, drop or keep")
        if self.workflow is not None and not 0 < len(self.workflow.strip()) <= _LONGEST_WORKFLOW:
            most = _LONGEST_WORKFLOW
            raise InputError(f"workflow is {quote(self.workflow)}, expected a name of 1 to {most} characters")

    @property
    def options(self) -> Mapping[str, object]:
        """What changes the rows of a file."""
        return {
            "columns": self.columns.to_dict(),
            "time_format": self.time_format,
            "encoding": self.encoding,
            "separator": self.separator,
            "repeated": self.repeated,
        }

    def parse(self, source: Source) -> Parsed:
        """The executions and steps of one log.

        Parameters
        ----------
        source : Source
            The file; times without a zone are read in its `tz`.

        Returns
        -------
        Parsed
            Of the tables executions and steps; times in UTC. `read_as` has the column of each role.

        Raises
        ------
        SourceError
            If it is malformed; names the line, and the column.
        InputError
            If a column's meaning can't be told; names the option that decides.
        """
        table = self._table(source)
        if own_log.is_own(table) and not self.columns.to_dict() and self.workflow is None:
            return own_log.read(source, table)
        return _Log(source, table, self).parsed()

    def _table(self, source: Source) -> EventTable:
        start = next(iter(itertools.islice(pieces(source, max_bytes=self.max_unpacked), 1)), b"")
        limits: dict[str, Any] = {
            "max_bytes": self.max_unpacked,
            "max_rows": self.max_rows,
            "max_values": self.max_values,
        }
        match kind_of(source, start):
            case "xes":
                table = read_xes(source, **limits)
            case "parquet":
                table = read_parquet(source, **limits)
            case _:
                table = read_csv(source, encoding=self.encoding, separator=self.separator, **limits)
        if table.events.is_empty() and not own_log.is_own(table):
            raise source.error("holds no event, expected at least one")
        return table


class _Log:
    """One file on its way to rows: each method takes a step, and keeps what it left out or has to say."""

    def __init__(self, source: Source, table: EventTable, how: EventLog) -> None:
        self.source, self.table, self.how = source, table, how
        self.left_out: Counter[str] = Counter(table.left_out)
        self.warnings: list[str] = []
        self.columns = guess(table.events.columns, how.columns, source=source)
        self.workflow = how.workflow.strip() if how.workflow else self._workflow()
        self.naive = 0

    def parsed(self) -> Parsed:
        steps = with_gaps(self._ended(self._joined(self._unrepeated(self._events()))))
        self._say_gaps(steps)
        cases = cases_of(steps, workflow=self.workflow)
        left_out = self.left_out + Counter(cases.left_out)
        return Parsed(
            tables={"executions": cases.executions, "steps": cases.steps},
            left_out={what: count for what, count in left_out.items() if count},
            warnings=tuple(self.warnings),
            read_as=dict(self._read_as()),
            naive=self.naive,
            unclear=repeated_hours(cases.executions["started_at"], tz=self.source.tz) if self.naive else 0,
            identity={"workflow": self.workflow},
        )

    def _workflow(self) -> str:
        name = self.source.path.name
        for suffix in _SUFFIXES:
            name = name[: -len(suffix)] if name.lower().endswith(suffix) and len(name) > len(suffix) else name
        return name.encode("utf-8", "replace").decode()[:_LONGEST_WORKFLOW]

    def _events(self) -> pl.DataFrame:
        """One row per event: our columns, and the log's others, blanks null."""
        texts = self.table.events.with_columns(pl.when(pl.all() != "").then(pl.all()))
        status, cancelled = self._status(texts)  # first, since a guess may be taken back
        lifecycle = self._lifecycle(texts)
        times = {role: self._times(role) for role in ("start", "end", "enabled")}
        nothing = pl.Series([None], dtype=pl.String).extend_constant(None, texts.height - 1)
        self.naive = sum(each.naive for each in times.values())
        ours = pl.DataFrame(
            {
                "row": pl.Series(range(texts.height), dtype=pl.Int64),
                "case": self._case(texts),
                "activity": self._told(texts, "activity", self.columns.activity or ""),
                **{role: each.at for role, each in times.items()},
                "later": times["end"].later,
                "status": status,
                "cancelled": cancelled,
                "lifecycle": lifecycle,
                **{role: texts[name] if name else nothing for role, name in self._plain_roles()},
            }
        )
        roles = {name for role, name in self.columns.taken() if role != "instance"}
        others = texts.select(pl.all().exclude(roles).name.prefix(EXTRA)) if roles else texts
        return pl.concat([ours, others], how="horizontal")

    def _plain_roles(self) -> Iterator[tuple[str, str | None]]:
        yield "resource", self.columns.resource
        yield "instance", self.columns.instance

    def _case(self, texts: pl.DataFrame) -> pl.Series:
        parts = [self._told(texts, "case", name) for name in self.columns.case]
        joined = pl.DataFrame(parts).select(pl.concat_str(pl.all(), separator=":").alias("case")).to_series()
        if len(parts) > 1 and joined.n_unique() != pl.DataFrame(parts).n_unique():
            names = " and ".join(map(repr, self.columns.case))
            raise self.source.error(f"has cases that {names}, joined by ':', don't tell apart; expected them to differ")
        long = joined.str.len_chars() > _LONGEST
        if long.any():
            row = int(long.arg_max() or 0)
            what = f"{quote(joined[row])} has {len(joined[row]):,} characters, expected at most {_LONGEST}"
            raise self._error(what, row=row, column=self.columns.case[0])
        return joined

    def _told(self, texts: pl.DataFrame, role: str, name: str) -> pl.Series:
        """A column that may not be blank."""
        said = texts[name]
        if said.null_count():
            row = int(said.is_null().arg_max() or 0)
            raise self._error(f"is blank, expected the {role} of each event", row=row, column=name)
        return said

    def _times(self, role: str) -> Times:
        name = getattr(self.columns, role)
        if name is not None:
            return read_times(self.source, self.table, name, time_format=self.how.time_format)
        none = pl.Series([None], dtype=pl.Datetime("us", "UTC")).extend_constant(None, self.table.events.height - 1)
        return Times(at=none, later=none, naive=0)

    def _status(self, texts: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
        """The status of each step, null where none is said, and whether it was cancelled rather than skipped."""
        name = self.columns.status
        nothing = pl.Series([None], dtype=pl.String).extend_constant(None, texts.height - 1)
        if name is not None:
            words = texts[name].unique().drop_nulls().to_list()
            meant = {word: _meaning(word) for word in words}
            unknown = next((word for word in words if meant[word] is None), None)
            if unknown is None:
                status = texts[name].replace_strict(meant, default=None, return_dtype=pl.String)
                cancelled = [word for word in words if execution_status(word) == "cancelled" and not _is_skip(word)]
                return status, texts[name].is_in(cancelled).fill_null(value=False)
            row = int((texts[name] == unknown).arg_max() or 0)
            if self.how.columns.status is not None:
                expected = "expected completed, failed or skipped, or a usual word for one of them"
                raise self._error(f"{quote(unknown)} is no status ({expected})", row=row, column=name)
            self.columns = replace(self.columns, status=None)
            self.warnings.append(f"column {name!r} says {quote(unknown)}, which is no status: it went into the context")
        return nothing, nothing.is_not_null()

    def _lifecycle(self, texts: pl.DataFrame) -> pl.Series:
        name = self.columns.lifecycle
        if name is not None:
            said = texts[name].str.strip_chars().str.to_lowercase()
            if self.how.columns.lifecycle is not None or said.is_in([*STARTS, *COMPLETIONS]).any():
                return texts[name]
            self.columns = replace(self.columns, lifecycle=None)
            self.warnings.append(f"column {name!r} names no start and no completion: it went into the context")
        return pl.Series([None], dtype=pl.String).extend_constant(None, texts.height - 1)

    def _unrepeated(self, events: pl.DataFrame) -> pl.DataFrame:
        """The events, each once; those that were skipped may look alike."""
        if self.how.repeated == "keep":
            return events
        said = events.drop("row")
        skipped = (events["status"] == "skipped").fill_null(value=False)
        again = ~said.select(pl.struct(pl.all()).is_first_distinct()).to_series() & ~skipped
        if not again.any():
            return events
        if self.how.repeated == "drop":
            self.left_out["events that stand there twice"] += int(again.sum())
            return events.filter(~again)
        row = int(again.arg_max() or 0)
        first = said.with_row_index("row").filter(pl.col("case") == said["case"][row])
        same = first.join(said[row : row + 1], on=said.columns, how="semi", nulls_equal=True)["row"][0]
        what = (
            f"repeats {self.table.unit} {self.table.line(same)} (case {quote(said['case'][row])}, activity "
            f"{quote(said['activity'][row])}), expected each event once; say what to do (--repeated drop or keep)"
        )
        raise self._error(what, row=row)

    def _joined(self, events: pl.DataFrame) -> pl.DataFrame:
        """One row per step that ended."""
        ended, begun = pl.col("end").is_not_null(), pl.col("start").is_not_null()
        self.left_out[_UNTIMED] += events.filter(~ended & ~begun).height
        self.left_out[_UNENDED] += events.filter(~ended & begun).height
        events = events.filter(ended)
        if self.columns.lifecycle is not None:
            events, left_out = join(events)
            self.left_out.update(left_out)
        if events.is_empty():
            raise self.source.error("holds no event that was completed, expected at least one")
        return events.with_columns(status=pl.col("status").fill_null("completed"))

    def _ended(self, events: pl.DataFrame) -> pl.DataFrame:
        """The steps, none of which ends before it starts."""
        later = (pl.col("end") < pl.col("start")) & (pl.col("later") >= pl.col("start"))  # the clock was set back
        events = events.with_columns(end=pl.when(later).then("later").otherwise("end"))
        wrong = events.filter(pl.col("end") < pl.col("start"))
        if wrong.height:
            row = wrong["row"][0]
            what = f"ends {_shown(wrong['end'][0])}, before its start {_shown(wrong['start'][0])}"
            raise self._error(f"{what}; expected the start first", row=row)
        return events

    def _say_gaps(self, steps: pl.DataFrame) -> None:
        gaps = int(steps["is_gap"].sum())
        if gaps:
            whom = "the log has completion times only" if gaps == steps.height else f"{gaps:,} steps have no start time"
            self.warnings.append(
                f"{whom}: their durations are the gap since the case's previous event, unknown for its first"
            )

    def _read_as(self) -> Iterator[tuple[str, str]]:
        yield "workflow", self.workflow
        for role in Columns.roles():
            said = [name for each, name in self.columns.taken() if each == role]
            if said:
                yield role, " + ".join(said)

    def _error(self, what: str, *, row: int, column: str | None = None) -> SourceError:
        return self.source.error(what, line=self.table.line(row), column=column, unit=self.table.unit)


def _meaning(word: str) -> str | None:
    """What a word says of a step that ended."""
    cancelled = "failed" if execution_status(word) == "cancelled" else None  # aborted, killed: it began and didn't end
    return step_status(word) or _MORE_WORDS.get(word.strip().lower()) or cancelled


def _is_skip(word: str) -> bool:
    return word.strip().lower() in ("skip", "skipped")


def _shown(at: Any) -> str:
    return str(at.isoformat(sep=" ")).replace("+00:00", " UTC")
