"""What the store costs: bytes a step, what a query reads, small files, and a compactor that follows fifty writers.

Each figure stands beside a goal or a peer that was measured in the same run: the same rows as one plain Parquet file,
or in SQLite. Times are the best of three, on whatever machine this is; ratios are what carries over.

    python benchmarks/storage.py              all of it (some minutes)
    python benchmarks/storage.py size month   only these parts
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from rpa_lab.journal.encode import check
from rpa_lab.journal.fragment import encode_parquet, publish_fragment
from rpa_lab.journal.layout import Fragment, day_folder, generation_name
from rpa_lab.journal.root import open_root
from rpa_lab.schema import TABLES
from rpa_lab.simulate import fleet
from rpa_lab.storage.compaction import Compacted, compact, compact_day
from rpa_lab.storage.following import follow
from rpa_lab.storage.snapshot import look
from rpa_lab.storage.store import TimeSeriesStore
from rpa_lab.storage.summary import merge, quantile_from

STEPS = TABLES["steps"]
DAY = date(2026, 11, 3)
WRITERS = 50


def main() -> None:
    parts: dict[str, Callable[[Path], None]] = {
        "size": size,
        "month": month,
        "fragments": fragments,
        "following": following,
    }
    for name in sys.argv[1:] or parts:
        with tempfile.TemporaryDirectory() as folder:
            parts[name](Path(folder))


def simulated_steps(
    *, days: int, runs_per_day: float, decimals: int | None = 4, random_ids: bool = False
) -> pl.DataFrame:
    """The steps of a simulated fleet, whose confidence (3 decimals there) is drawn anew, as finely as asked."""
    steps = fleet(days, 8, 1, end=DAY + timedelta(days=1), runs_per_day=runs_per_day, faults=()).steps
    rng = np.random.default_rng(1)
    doubt = np.abs(rng.normal(0, 0.02, steps.height))
    confidence = np.clip(0.985 - doubt - 0.14 * steps["retry_count"].to_numpy(), 0.2, 1)
    fine = pl.Series(confidence if decimals is None else np.round(confidence, decimals))
    known = pl.col("confidence_score").is_not_null()
    if random_ids:
        ids = steps.select(pl.col("execution_id").unique(maintain_order=True))
        ids = ids.with_columns(_random=pl.Series([rng.bytes(16).hex() for _ in range(ids.height)]))
        steps = steps.join(ids, on="execution_id", how="left", validate="m:1", maintain_order="left")
        steps = steps.with_columns(execution_id="_random").drop("_random")
    return steps.with_columns(confidence_score=pl.when(known).then(fine))


def size(folder: Path) -> None:
    """Bytes a step of a day of 240,000, by column, and of the peers."""
    heading("A day of steps, compacted: bytes a step")
    cases = {
        "confidence with 4 decimals": simulated_steps(days=1, runs_per_day=2100),
        "unrounded confidence": simulated_steps(days=1, runs_per_day=2100, decimals=None),
        "4 decimals, random execution ids": simulated_steps(days=1, runs_per_day=2100, random_ids=True),
    }
    for number, (name, steps) in enumerate(cases.items()):
        root = folder / str(number)
        TimeSeriesStore(root).write_frame("steps", steps)
        compact(root, grace_s=0)
        (path,) = (root / "steps").glob("day=*/*.parquet")
        goal = "goal 16" if number == 0 else ""
        row(f"{name} ({steps.height:,} steps)", f"{path.stat().st_size / steps.height:.2f}", goal)
        if number == 0:
            by_column(path, steps.height)
            peers(folder, steps, ours=path.stat().st_size)


def by_column(path: Path, count: int) -> None:
    metadata, sizes = pq.read_metadata(path), defaultdict[str, int](int)
    for group in (metadata.row_group(n) for n in range(metadata.num_row_groups)):
        for column in (group.column(n) for n in range(metadata.num_columns)):
            sizes[column.path_in_schema] += column.total_compressed_size
    sizes["(footer)"] = path.stat().st_size - sum(sizes.values())
    for name, used in sorted(sizes.items(), key=lambda entry: -entry[1]):
        row(f"    {name}", f"{used / count:.2f}")


def peers(folder: Path, steps: pl.DataFrame, *, ours: int) -> None:
    """The same rows as users would otherwise keep them."""
    path = folder / "plain.parquet"
    steps.write_parquet(path, compression="zstd", compression_level=3)
    row("  the same rows by write_parquet, zstd 3", f"{path.stat().st_size / steps.height:.2f}", ratio(path, ours))
    path = folder / "steps.sqlite"
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE steps ({', '.join(steps.columns)})")  # columns of ours, nobody's text
    marks = ", ".join("?" * steps.width)
    rows = steps.with_columns(pl.col("started_at", "completed_at").dt.to_string("iso:strict")).iter_rows()
    connection.executemany(f"INSERT INTO steps VALUES ({marks})", rows)
    connection.execute("CREATE INDEX by_workflow ON steps (workflow_id, started_at)")
    connection.commit()
    connection.close()
    row("  the same rows in SQLite, one index", f"{path.stat().st_size / steps.height:.2f}", ratio(path, ours))


def month(folder: Path) -> None:
    """What one workflow's query over a compacted month reads, and what rollups save."""
    steps = simulated_steps(days=30, runs_per_day=420)
    root = folder / "store"
    store = TimeSeriesStore(root)
    for _, day in steps.group_by(pl.col("started_at").dt.date(), maintain_order=True):
        store.write_frame("steps", day)
    compact(root, grace_s=0)
    heading(f"A compacted month of {steps.height:,} steps")
    paths = sorted((root / "steps").glob("day=*/*.parquet"))
    counts = dict(steps["workflow_id"].value_counts().iter_rows())
    worst = max((touched(paths, name) - count) / steps.height for name, count in counts.items())
    row("rows in row groups that a workflow's query touches, above its share", f"{worst:.1%}", "goal 5.0%")

    name = min(counts, key=lambda name: counts[name])
    one = best(lambda: mean_of(store.scan("steps", "all", workflow_id=name)))
    everything = best(lambda: mean_of(store.scan("steps", "all")))
    plain = folder / "plain"
    plain.mkdir()
    for (at,), day in steps.sort("started_at").group_by(pl.col("started_at").dt.date()):
        day.write_parquet(plain / f"{at}.parquet", compression="zstd", compression_level=3)
    peer = best(lambda: mean_of(pl.scan_parquet(plain).filter(pl.col("workflow_id") == name)))
    row(
        f"its mean duration ({counts[name] / steps.height:.0%} of the rows)", ms(one), f"all workflows {ms(everything)}"
    )
    row("  the same of one plain file a day, in the order of time", ms(peer), f"{peer / one:.1f} times ours")

    span, by = store.span("all"), ["workflow_id", "node_id"]

    def p95_of_rollups() -> pl.DataFrame:
        found = store.rolled_up("steps", span, columns=by).summaries.lazy()
        return quantile_from(merge(found, by=by), 0.95, by=by).collect()

    def p95_of_rows() -> pl.DataFrame:
        rows = store.scan("steps", "all", columns=[*by, "duration_ms"])
        return rows.group_by(by).agg(pl.col("duration_ms").quantile(0.95, interpolation="linear")).collect()

    rolled, scanned = best(p95_of_rollups), best(p95_of_rows)
    compared = p95_of_rollups().join(p95_of_rows(), on=by, how="inner", validate="1:1")
    error = compared.select(((pl.col("value_ms") / pl.col("duration_ms")) - 1).abs().max()).item()
    row("p95 of each node, from rollups", ms(rolled), f"by scanning {ms(scanned)}, {scanned / rolled:.1f} times")
    row("  its greatest error", f"{error:.2%}", "goal 0.79%")
    kept = sum(path.stat().st_size for path in (root / "_rollup").rglob("*.parquet"))
    row("  rollups, of the size of the published files", f"{kept / sum(p.stat().st_size for p in paths):.1%}")


def touched(paths: list[Path], workflow_id: str) -> int:
    """Rows of the row groups that may hold a workflow's, by their statistics."""
    rows = 0
    for path in paths:
        metadata = pq.read_metadata(path)
        at = [metadata.row_group(0).column(n).path_in_schema for n in range(metadata.num_columns)].index("workflow_id")
        for group in (metadata.row_group(n) for n in range(metadata.num_row_groups)):
            bounds = group.column(at).statistics
            rows += group.num_rows if bounds.min <= workflow_id <= bounds.max else 0
    return rows


def fragments(folder: Path) -> None:
    """A query over 5,000 fragments of today, before and after the one that compacts them."""
    heading("5,000 fragments in today's folder, 100,000 steps")
    root, count = folder / "store", 5_000
    steps = simulated_steps(days=1, runs_per_day=2100).sort("started_at").head(count * 20)
    today = datetime.now(UTC).date()
    at = datetime(today.year, today.month, today.day, tzinfo=UTC) + timedelta(seconds=1)
    steps = steps.with_columns(started_at=pl.lit(at), completed_at=pl.lit(at))
    write_fragments(root, today, steps, count)
    period = today.isoformat()

    def query(*, compacting: bool) -> float:
        store = TimeSeriesStore(root, compact=compacting)
        return timed(lambda: mean_of(store.scan("steps", period)))

    row("first query with compact=False, footers not read yet", ms(query(compacting=False)), "goal 2 s")
    row("the next", ms(best_of(lambda: query(compacting=False))))
    row("the query that compacts them", ms(query(compacting=True)), "goal 8 s")
    after = best_of(lambda: query(compacting=True))
    plain = folder / "plain.parquet"
    steps.write_parquet(plain, compression="zstd")
    peer = best(lambda: mean_of(pl.scan_parquet(plain)))
    row("the next", ms(after), f"one plain file {ms(peer)}")


def write_fragments(root: Path, day: date, steps: pl.DataFrame, count: int) -> None:
    open_root(root)
    rows = steps.height // count
    for n in range(count):
        part = steps.slice(n * rows, rows).to_arrow()
        checked = check(STEPS, {name: part[name] for name in part.column_names}, rows).rows
        data = encode_parquet(STEPS, checked.select(STEPS.arrow.names).cast(STEPS.arrow))
        publish_fragment(day_folder(root, "steps", day), Fragment(f"{n % WRITERS:012x}", n // WRITERS), data)


def following(folder: Path) -> None:
    """Fifty writers that flush every 5 s for an hour (simulated time, real files); the compactor looks every 10 s."""
    heading(f"{WRITERS} writers flush every 5 s for an hour, `rpa-lab compact --follow` beside them")
    root, ticks = folder / "store", 720
    open_root(root)
    day = datetime.now(UTC).date() + timedelta(days=1)  # it won't close while this runs
    place = day_folder(root, "steps", day)
    place.mkdir(parents=True)
    steps = simulated_steps(days=1, runs_per_day=2100)
    at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    steps = steps.with_columns(started_at=pl.lit(at), completed_at=pl.lit(at), retry_count=pl.int_range(pl.len()))
    live, written, rewrites, busy, tick = list[int](), 0, Counter[int](), 0.0, 0
    since = 0.0

    def ten_seconds_pass() -> bool:
        nonlocal written, busy, tick, since
        busy += time.perf_counter() - since if since else 0
        for _ in range(2):
            for n in range(WRITERS):
                rows = steps.slice((tick * WRITERS + n) * 6, 6).to_arrow()
                checked = check(STEPS, {name: rows[name] for name in rows.column_names}, 6).rows
                data = encode_parquet(STEPS, checked.select(STEPS.arrow.names).cast(STEPS.arrow))
                (place / f"f-{n:012x}-{tick:08d}.parquet").write_bytes(data)  # no fsync: the disk is not the point
                written += 6
            tick += 1
        live.append(len(look(root, "steps", day).files))
        since = time.perf_counter()
        return tick > ticks

    def count(done: Compacted) -> None:
        path = place / generation_name(done.generation or 0)
        numbers = pq.read_table(path, columns=["retry_count"])["retry_count"].to_numpy()
        rewrites.update(numbers.tolist())

    follow(root, grace_s=0, every_s=0, on_day=count, until=ten_seconds_pass)
    row("live files, at most", f"{max(live)}", "goal 200")
    row("times that a row was rewritten, at most", f"{max(rewrites.values())}", "goal 8")
    row("  on average", f"{sum(rewrites.values()) / len(rewrites):.2f}")
    row("the compactor's time, of the simulated hour", f"{busy / 3600:.1%}")
    began = time.perf_counter()
    compact_day(root, "steps", day, grace_s=0)
    row(f"at last the day in full ({written:,} steps)", ms(time.perf_counter() - began))


def mean_of(rows: pl.LazyFrame) -> float:
    return float(rows.select(pl.col("duration_ms").mean()).collect().item())


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def best(work: Callable[[], object]) -> float:
    return min(timed(work) for _ in range(3))


def best_of(measure: Callable[[], float]) -> float:
    return min(measure() for _ in range(3))


def ratio(path: Path, ours: int) -> str:
    return f"{path.stat().st_size / ours:.1f} times ours"


def ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


def heading(text: str) -> None:
    print(f"\n{text}  [{os.cpu_count()} cores]")


def row(what: str, figure: str, beside: str = "") -> None:
    print(f"  {what:<72}{figure:>12}  {beside}", flush=True)


if __name__ == "__main__":
    main()
