"""What questions cost: rpa_lab beside DuckDB, pandas and SQLite, on the same published files, in one run.

Engines are asked in turn, each in a process of its own, after a first answer that nobody counts; ratios are medians of
answers given one after the other, so that what else the machine does hits all of them. All must give the same figures.

    python benchmarks/queries.py                 all of it (half an hour, and the first time as long again)
    python benchmarks/queries.py month cache     only these parts
    python benchmarks/queries.py --folder DIR    where the simulated stores are kept (2 GB; with SQLite's month 4)
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import polars as pl
from rich.console import Console
from rich.progress import Progress

from benchmarks.querying.contest import Heat, contest, new_process_s
from benchmarks.querying.cost import draw
from benchmarks.querying.engines import Asked, make_sqlite
from benchmarks.querying.figures import agree, told
from benchmarks.querying.stores import END, MONTH_DAYS, cache_folder, last_days, month, year
from benchmarks.recording.figures import Goal, heading, machine, row, summary
from rpa_lab.storage.summary import ACCURACY

_EVERYBODY = ["rpa_lab", "DuckDB", "pandas", "SQLite"]
_BIG = ["rpa_lab", "DuckDB"]
_ONE_WORKFLOW = {
    "stats": "one workflow: n, mean, sd, p50, p95, p99 of its runs",
    "bottlenecks": "one workflow: the same of its steps, by node",
    "hourly": "one workflow: the same of its runs, by hour",
}
_ALL = "all workflows: n, mean, sd, p50, p95, p99 of their steps"


def main() -> None:
    parser = ArgumentParser(description="What questions cost.")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(_PARTS)}; default: all")
    parser.add_argument("--folder", help="where the simulated stores are kept (default: RPA_LAB_BENCH, or the cache)")
    said = parser.parse_args()
    if unknown := set(said.parts) - set(_PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(_PARTS)}")
    heading(machine())
    summary([goal for name in said.parts or _PARTS for goal in _PARTS[name](cache_folder(said.folder))])


def _day(cache: Path) -> list[Goal]:
    return _contests(cache, "A day", days=1, one=None, all_=None)


def _month(cache: Path) -> list[Goal]:
    return _contests(cache, "A month", days=MONTH_DAYS, one=1.2, all_=1.0)


def _contests(cache: Path, what: str, *, days: int, one: float | None, all_: float | None) -> list[Goal]:
    asked = _asked(month(cache).root, days=days)
    _with_sqlite(asked)
    heading(f"{what} of 50 workflows, {_steps(asked):,} steps", "warm", "of DuckDB's", "new process", "peak memory")
    goals = []
    for question, named in {**_ONE_WORKFLOW, "all": _ALL}.items():
        asked = _asked(asked.folder, days=days, question=question)
        heats = contest(asked, _EVERYBODY)
        agree(heats)
        new = {engine: new_process_s(asked, engine) for engine in _EVERYBODY}
        goals.append(told(f"{what.lower()}, {named}", heats, most=all_ if question == "all" else one, new=new))
    return [goal for goal in goals if goal.most < float("inf")]


def _year(cache: Path) -> list[Goal]:
    asked = _asked(year(cache).root, days=12 * MONTH_DAYS, question="all")
    heading(f"A year of 50 workflows, {_steps(asked):,} steps", "warm", "of DuckDB's", "new process", "peak memory")
    exact = contest(asked, _BIG, rounds=5)
    agree(exact)
    new = {engine: new_process_s(asked, engine) for engine in _BIG}
    goals = [told(f"a year, {_ALL}", exact, most=0.7, new=new)]
    peak = Goal(what="a year, peak memory", figure=exact["rpa_lab"].peak_bytes / 1e6, most=1000, unit=" MB")
    row("    rpa_lab's peak memory", f"{peak.figure:,.0f} MB", goal=peak)

    near = contest(_asked(asked.folder, days=asked.days, question="approximate"), ["rpa_lab"])["rpa_lab"]
    error = _error(near, exact["DuckDB"])
    ratio = Goal(
        what="a year, approximate", figure=near.median_s / exact["DuckDB"].median_s, most=0.15, unit="× DuckDB"
    )
    row("    rpa_lab, approximate", f"{near.median_s * 1e3:,.1f} ms", f"{ratio.figure:.3f}×", goal=ratio)
    bound = Goal(what="a year, greatest error of a quantile", figure=error * 100, most=ACCURACY * 100, unit=" %")
    row("    its greatest error", f"{error:.3%}", goal=bound)

    for question, named in _ONE_WORKFLOW.items():
        asked = _asked(asked.folder, days=asked.days, question=question)
        heats = contest(asked, _BIG, rounds=5)
        agree(heats)
        told(f"a year, {named}", heats)
    return [*goals, peak, ratio, bound]


def _error(near: Heat, exact: Heat) -> float:
    """The greatest relative error of a quantile; stops where an exact one lies outside of its bounds."""
    worst = 0.0
    for found, true in zip(near.rows, exact.rows, strict=True):
        for n, value in enumerate(true[4:7]):
            low, high = found[7 + 2 * n : 9 + 2 * n]
            if not low - 1e-6 <= value <= high + 1e-6:
                raise SystemExit(f"{found[0]}: {value} ms lies outside of {low} to {high}")
            worst = max(worst, abs(found[4 + n] / value - 1))
    return worst


def _cache(cache: Path) -> list[Goal]:
    """What a cache hit costs: whether anything has changed behind a period."""
    stores = {"a day": (month(cache), 1, 1.0), "a month": (month(cache), 30, 3.0), "a year": (year(cache), 360, 20.0)}
    heading("Has anything changed? A fingerprint of all files behind a period", "steps", "and executions")
    goals = []
    for name, (store, days, most) in stores.items():
        taken = []
        for tables in (["steps"], ["executions", "steps"]):
            store.fingerprint(last_days(days), tables=tables)
            taken.append(_median_ms(partial(store.fingerprint, last_days(days), tables=tables)))
        goals.append(Goal(what=f"{name}, executions and steps", figure=taken[1], most=most, unit=" ms"))
        row(name, *(f"{ms:.2f} ms" for ms in taken), goal=goals[-1])
    return goals


def _median_ms(work: Callable[[], object]) -> float:
    """The median of fifteen times."""
    taken = []
    for _ in range(15):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken) * 1e3


def _scaling(cache: Path) -> list[Goal]:
    """How the cost of all workflows' statistics grows; writes cost.csv and cost.svg beside this file."""
    root = year(cache).root
    heading("The same question about more data", "seconds", "of DuckDB's")
    costs = []
    for months in (1, 3, 6, 12):
        asked = _asked(root, days=months * MONTH_DAYS, question="all")
        heats = contest(asked, _BIG, rounds=5)
        agree(heats)
        near = contest(_asked(root, days=asked.days, question="approximate"), ["rpa_lab"])["rpa_lab"]
        taken = {
            "DuckDB, exact": heats["DuckDB"].median_s,
            "rpa_lab, exact": heats["rpa_lab"].ratio(heats["DuckDB"]) * heats["DuckDB"].median_s,
            "rpa_lab, approximate (0.8 %)": near.median_s,
        }
        for engine, seconds in taken.items():
            costs.append({"engine": engine, "months": months, "steps": _steps(asked), "seconds": round(seconds, 3)})
            row(f"{months} months, {engine}", f"{seconds:.2f}", f"{seconds / heats['DuckDB'].median_s:.2f}×")
    here = Path(__file__).parent
    table = pl.DataFrame(costs)
    table.write_csv(here / "cost.csv")
    draw(table, here / "cost.svg")
    return []


def _asked(folder: Path, *, days: int, question: str = "stats") -> Asked:
    return Asked(question=question, folder=folder, end=END, days=days, workflow_id="order_entry_unit_04")


def _steps(asked: Asked) -> int:
    return int(pl.scan_parquet(asked.files("steps"), glob=False).select(pl.len()).collect().item())


def _with_sqlite(asked: Asked) -> None:
    if asked.folder.with_suffix(".sqlite").exists():
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("the month in SQLite (once, some minutes)", total=None)
        make_sqlite(
            _asked(asked.folder, days=MONTH_DAYS), on_day=lambda done, of: bar.update(task, completed=done, total=of)
        )


_PARTS: dict[str, Callable[[Path], list[Goal]]] = {
    "day": _day,
    "month": _month,
    "year": _year,
    "cache": _cache,
    "scaling": _scaling,
}

if __name__ == "__main__":
    main()
