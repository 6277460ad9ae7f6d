"""Who works on one day at the same time until killed: writers, compactors, readers of the journal and of the table."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import polars as pl

from rpa_lab.collection.collector import MetricsCollector
from rpa_lab.storage.compaction import compact_day
from tests.faults.jobs import Log, record
from tests.faults.rows import DAY, TABLE, read_ids

__all__ = ["compact", "duck", "glob", "read", "said", "write"]


def said(logs: Path, word: str) -> set[str]:
    """What all writers say."""
    return {name for path in logs.glob("*.log") for name in Log(path).said(word)}


def write(root: Path, logs: Path, name: str) -> None:
    """Record and flush, a few steps at a time, under ids that begin with this writer's name."""
    chance, log, number = random.Random(name), Log(logs / f"{name}.log"), 0
    collector = MetricsCollector(root, flush_interval_sec=3600)
    while True:
        count = chance.randint(1, 4)
        record(collector, [f"{name}-{number + n}" for n in range(count)], log)
        number += count
        time.sleep(chance.random() / 100)


def compact(root: Path, name: str) -> None:
    """Compact without grace, in full or by tiers."""
    chance = random.Random(name)
    while True:
        compact_day(root, TABLE, DAY, full=chance.random() < 0.5, grace_s=0)
        time.sleep(chance.random() / 50)


def read(root: Path, logs: Path, wrong: Path) -> None:
    """Read again and again; whatever breaks a promise is written down."""
    seen: set[str] = set()
    while True:
        kept = said(logs, "kept")
        ids = read_ids(root)
        recorded = said(logs, "recorded")
        _check(ids, must=kept | seen, may=recorded, wrong=wrong, who="reader")
        seen = set(ids)


def glob(root: Path, wrong: Path) -> None:
    """Read the published table as any Polars script would; what is not found is said loudly, which is allowed."""
    seen: set[str] = set()
    while True:
        try:
            ids = pl.read_parquet(root / TABLE / "**" / "*.parquet", columns=["step_id"])["step_id"].to_list()
        except FileNotFoundError:
            continue
        except pl.exceptions.ComputeError as refusal:
            if "expanded paths were empty" not in str(refusal):
                raise
            continue
        _check(ids, must=seen, may=set(ids), wrong=wrong, who="glob")
        seen = set(ids)


def duck(root: Path, wrong: Path) -> None:
    """Read the published table as any DuckDB script would."""
    import duckdb

    seen: set[str] = set()
    with duckdb.connect() as database:
        while True:
            try:
                query = f"SELECT step_id FROM read_parquet('{root}/{TABLE}/**/*.parquet')"
                ids = [str(row[0]) for row in database.execute(query).fetchall()]
            except duckdb.IOException as refusal:
                if "No files found" not in str(refusal) and "No such file" not in str(refusal):
                    raise
                continue
            _check(ids, must=seen, may=set(ids), wrong=wrong, who="DuckDB")
            seen = set(ids)


def _check(ids: list[str], *, must: set[str], may: set[str], wrong: Path, who: str) -> None:
    """Count the reading; write down what is wrong with it."""
    twice = [name for name, count in Counter(ids).items() if count > 1]
    missing, unheard = must - set(ids), set(ids) - may
    if twice or missing or unheard:
        with wrong.open("a", encoding="utf-8") as file:
            file.write(f"{who}: twice {twice}, missing {sorted(missing)}, never recorded {sorted(unheard)}\n")
    with wrong.with_name(f"{who} readings").open("a", encoding="utf-8") as file:
        file.write(f"{len(ids)}\n")
