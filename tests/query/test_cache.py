"""An answer from the cache is the one that would be computed: whatever is done to the store in between."""

from __future__ import annotations

import shutil
import tempfile
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from polars.testing import assert_frame_equal

from rpa_lab import TimeSeriesStore
from rpa_lab.errors import InputError
from rpa_lab.query.cache import CacheView
from rpa_lab.query.engine import QueryEngine
from rpa_lab.query.query import Query
from rpa_lab.query.result import QueryResult
from rpa_lab.storage.retention import delete_day
from rpa_lab.storage.snapshot import look
from tests.query.mixed import put_away

DAYS = tuple(date(2026, 11, 3) + timedelta(days=n) for n in range(3))
AS_OF = datetime(2026, 11, 4, 0, 20, tzinfo=UTC)
QUERIES = (
    Query.of(metrics=["count", "success_rate", "p95", "rate_per_hour"], group_by=["workflow_id", "day"]),
    Query.of(period="2026-11-03", order="-duration_ms", limit=3),
    Query.of(period="24h", metrics="count"),
    Query.of(table="steps", period="2026-11-03", metrics=["sum", "count"], interval="1h"),
    Query.of(table="steps", filters={"status": "completed"}, columns=["node_id", "duration_ms"]),
)


class Asking(RuleBasedStateMachine):
    """One engine lives on; after everything that happens it is asked twice, and an engine that knows nothing once."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="rpa-lab-asking-")) / "store"
        self.count = 0
        self.ask_at(AS_OF)

    def ask_at(self, as_of: datetime) -> None:
        self.as_of = as_of
        self.store = TimeSeriesStore(self.root, as_of=as_of, compact=False)
        old = getattr(self, "engine", None)
        if old is None:
            self.engine = QueryEngine(self.store, cache_size=20)
        else:
            old.ts_store = self.store

    def teardown(self) -> None:
        shutil.rmtree(self.root.parent, ignore_errors=True)

    @rule(day=st.sampled_from(DAYS), hour=st.integers(0, 23), ms=st.integers(0, 5), running=st.booleans())
    def write_run(self, day: date, hour: int, ms: int, running: bool) -> None:
        self.count += 1
        at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        row = {"execution_id": f"e{self.count}", "workflow_id": f"w{self.count % 2}", "started_at": at}
        ended = {"status": "completed", "completed_at": at, "duration_ms": float(ms)}
        self.store.write_frame("executions", pl.DataFrame([row | ({"status": "running"} if running else ended)]))

    @rule(day=st.sampled_from(DAYS), number=st.integers(1, 20))
    def end_run(self, day: date, number: int) -> None:
        """A completion that another process saw, on whichever day; the run may not even be known."""
        at = datetime(day.year, day.month, day.day, 1, tzinfo=UTC)
        row = {"execution_id": f"e{number}", "status": "failed", "completed_at": at, "duration_ms": 7.0}
        self.store.write_frame("executions", pl.DataFrame([row]))

    @rule(day=st.sampled_from(DAYS), hour=st.integers(0, 23), ms=st.integers(0, 5))
    def write_step(self, day: date, hour: int, ms: int) -> None:
        self.count += 1
        at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        row = {
            "step_id": f"s{self.count}",
            "execution_id": "e1",
            "workflow_id": "w1",
            "node_id": "n",
            "action_type": "a",
        }
        ended = {"started_at": at, "completed_at": at, "duration_ms": float(ms), "status": "completed"}
        self.store.write_frame("steps", pl.DataFrame([row | ended]))

    @rule(day=st.sampled_from(DAYS), minute=st.integers(0, 1439), dropped=st.integers(0, 3), data=st.data())
    def write_health(self, day: date, minute: int, dropped: int, data: st.DataObject) -> None:
        """A collector says that it lives, for one of the runs that are stored, and what it has dropped."""
        writers = self.store.collect(lambda: self._writers())["_writer"].to_list()
        at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute)
        names = ("recorded", "written", "corrected", "dropped_too_large", "dropped_flush_failed", "dropped_closed")
        row = {"timestamp": at, "writer": data.draw(st.sampled_from([*writers, "nobody"]))} | dict.fromkeys(names, 0)
        row |= {"dropped_queue_full": dropped, "dropped_invalid": 0}
        self.store.write_frame("collector_health", pl.DataFrame([row]))

    def _writers(self) -> pl.LazyFrame:
        files = [file.path for day in DAYS for file in look(self.root, "executions", day).files]
        empty = pl.LazyFrame(schema={"_writer": pl.String})
        return (
            pl.concat([empty, *(pl.scan_parquet(file).select("_writer") for file in files)])
            .drop_nulls()
            .unique()
            .sort("_writer")
        )

    @rule(
        day=st.sampled_from(DAYS),
        table=st.sampled_from(["executions", "steps"]),
        what=st.sampled_from(["tiered", "full", "archive"]),
    )
    def put_away(self, day: date, table: str, what: str) -> None:
        if look(self.root, table, day).files and not look(self.root, table, day).damaged:
            put_away(self.root, table, day, what)

    @rule(day=st.sampled_from(DAYS), table=st.sampled_from(["executions", "steps", "collector_health"]))
    def delete(self, day: date, table: str) -> None:
        if not look(self.root, table, day).damaged:
            delete_day(self.root, table, day, grace_s=0)

    @rule(day=st.sampled_from(DAYS), table=st.sampled_from(["executions", "steps"]), data=st.data())
    def damage(self, day: date, table: str, data: st.DataObject) -> None:
        files = sorted(file.path for file in look(self.root, table, day).files)
        if files:
            path = data.draw(st.sampled_from(files))
            path.write_bytes(path.read_bytes()[: -data.draw(st.integers(1, 20))])

    @rule(minutes=st.integers(0, 2000))
    def wait(self, minutes: int) -> None:
        self.ask_at(self.as_of + timedelta(minutes=minutes))

    @invariant()
    def a_kept_answer_is_the_one_that_would_be_computed(self) -> None:
        fresh = QueryEngine(TimeSeriesStore(self.root, as_of=self.as_of, compact=False))
        for query in QUERIES:
            expected = fresh.query(query, use_cache=False)
            for _ in range(2):
                hits = self.engine.cache.hits
                got = self.engine.query(query)
                _assert_same(got, expected)
            assert self.engine.cache.hits == hits + 1
        assert len(fresh.cache) == 0


Asking.TestCase.settings = settings(
    max_examples=max(10, settings().max_examples // 5),
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestAsking = Asking.TestCase


def _assert_same(got: QueryResult, expected: QueryResult) -> None:
    assert_frame_equal(got.table, expected.table, check_exact=True)
    assert (got.query, got.time_period, got.tz, got.warnings) == (
        expected.query,
        expected.time_period,
        expected.tz,
        expected.warnings,
    )


@pytest.fixture
def engine(root: Path) -> QueryEngine:
    store = TimeSeriesStore(root, as_of=AS_OF)
    at = datetime(2026, 11, 3, tzinfo=UTC)
    rows = {"execution_id": ["a", "b"], "workflow_id": "w", "started_at": at, "status": "completed", "duration_ms": 5.0}
    store.write_frame("executions", pl.DataFrame(rows))
    return QueryEngine(store, cache_size=2)


def test_the_cache_can_be_looked_at_and_not_changed(engine: QueryEngine) -> None:
    first = engine.query({"metrics": "count"})
    engine.query({"metrics": "count"})
    view = engine.cache
    (key,) = view

    assert (len(view), view.hits, view.misses, view.maxsize) == (1, 1, 1, 2)
    assert key.query == first.query
    _assert_same(view[key], first)
    assert (view.hits, repr(view)) == (1, "CacheView(1 of 2, 1 hits, 1 misses)")
    with pytest.raises(TypeError, match="does not support item deletion"):
        del view[key]  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        engine.cache = view  # type: ignore[misc]
    assert isinstance(view, CacheView)


def test_the_answers_used_least_leave_first(engine: QueryEngine) -> None:
    first, second, third = ({"metrics": name} for name in ("count", "p95", "sum"))
    for asked in (first, second, first, third):
        engine.query(asked)

    assert [key.query.metrics for key in engine.cache] == [("count",), ("sum(duration_ms)",)]


def test_what_a_caller_does_to_a_frame_changes_no_later_answer(engine: QueryEngine) -> None:
    asked = {"columns": ["execution_id", "duration_ms"]}
    for _ in range(3):
        table = engine.query(asked).table
        assert table["duration_ms"].to_list() == [5.0, 5.0]
        table[0, "duration_ms"] = 7.0
        table["duration_ms"][1] = 8.0
        table.columns = ["x", "y"]
        table.extend(table)
        table.drop_in_place("x")
    assert engine.cache.hits == 2


def test_an_answer_that_was_being_computed_while_something_was_written_is_not_kept(root: Path) -> None:
    class Written(TimeSeriesStore):
        """A store to which something is written while it is being read."""

        def collect(self, query: object) -> pl.DataFrame:
            at = datetime(2026, 11, 3, tzinfo=UTC)
            row = {"execution_id": ["x"], "workflow_id": "w", "started_at": at, "status": "completed"}
            TimeSeriesStore(root).write_frame("executions", pl.DataFrame(row))
            return super().collect(query)  # type: ignore[arg-type]

    engine = QueryEngine(Written(root, as_of=AS_OF))
    engine.query({"metrics": "count", "period": "2026-11-03"})

    assert (len(engine.cache), engine.cache.misses) == (0, 1)


def test_a_run_that_has_fallen_silent_meanwhile_is_abandoned_though_nothing_was_written(engine: QueryEngine) -> None:
    asked = {"metrics": "success_rate", "period": "2026-11-03/2026-11-05"}
    row = {"execution_id": ["x"], "workflow_id": "w", "started_at": AS_OF - timedelta(minutes=14), "status": "running"}
    engine.ts_store.write_frame("executions", pl.DataFrame(row))
    alive = engine.query(asked)
    engine.ts_store = engine.ts_store.seen(as_of=AS_OF + timedelta(minutes=2))

    assert alive.table["success_rate"].item() == 100.0
    assert engine.query(asked).table["success_rate"].item() == pytest.approx(200 / 3)


def test_what_collectors_dropped_is_said_as_soon_as_they_say_so(engine: QueryEngine) -> None:
    asked = {"table": "steps", "metrics": "count", "period": "2026-11-03"}
    before = engine.query(asked)
    names = ("recorded", "written", "corrected", "dropped_too_large", "dropped_flush_failed", "dropped_closed")
    row = {"timestamp": datetime(2026, 11, 3, 9, tzinfo=UTC), "writer": "a", "dropped_queue_full": 1}
    row |= dict.fromkeys(names, 0) | {"dropped_invalid": 0}
    engine.ts_store.write_frame("collector_health", pl.DataFrame([row]))

    assert before.warnings == ()
    assert "collectors dropped 1 record in this period (1 queue full)" in engine.query(asked).warnings[0]


def test_damage_that_takes_no_row_away_from_an_answer_is_still_said(engine: QueryEngine) -> None:
    """A file that came and broke while nobody asked: the rows are those of before, and what is said of them isn't."""
    asked = {"metrics": "count", "period": "2026-11-03"}
    before = engine.query(asked)
    known = engine.ts_store.files()
    at = datetime(2026, 11, 3, tzinfo=UTC)
    row = {"execution_id": ["x"], "workflow_id": "w", "started_at": at, "status": "completed"}
    engine.ts_store.write_frame("executions", pl.DataFrame(row))
    (new,) = set(engine.ts_store.files()) - set(known)
    new.write_bytes(new.read_bytes()[:-9])
    after = engine.query(asked)

    assert before.table.equals(after.table)
    assert before.warnings == ()
    assert after.warnings == ("executions 2026-11-03: 1 of 2 files are damaged and left out (see _quarantine.jsonl)",)


def test_a_cache_of_no_size_keeps_nothing(engine: QueryEngine) -> None:
    none = QueryEngine(engine.ts_store, cache_size=0)
    none.query({})
    none.query({})

    assert (len(none.cache), none.cache.hits, none.cache.misses) == (0, 0, 0)
    for size in (-1, 1.5, True, None):
        with pytest.raises(InputError, match="cache_size is"):
            QueryEngine(engine.ts_store, cache_size=size)  # type: ignore[arg-type]


def test_answers_are_asked_for_by_many_threads_at_once(engine: QueryEngine) -> None:
    wrong: list[object] = []

    def ask() -> None:
        for number in range(30):
            got = engine.query({"columns": "execution_id", "limit": number % 4 + 1}).table.height
            if got != min(number % 4 + 1, 2):
                wrong.append(got)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert len(engine.cache) == 2
    assert engine.cache.hits + engine.cache.misses == 120
