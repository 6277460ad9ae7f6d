"""Two versions side by side: which one a run has is told by a coin, half of the runs or a tenth of them the new one.

The fleets without and with a fault of each kind have the same runs, so that a run of the old version is that of the
fleet without, and one of the new version that of the fleet with it. The truth is what the coin does on average: all
runs without against all of the same runs with the fault; and 0 where the new version has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl

from benchmarks.attributing.counts import COUNTED, Held, coverage_table
from benchmarks.attributing.long_fleets import frames, nodes_of, truth_of, work_by_day
from benchmarks.attributing.planting import KINDS, PART, SIZES, five, planted, usual
from benchmarks.attributing.truths import held_in_table, truth_table
from benchmarks.attributing.verdicts import stored
from rpa_lab.analysis.attribution.analyzer import Attribution, AttributionAnalyzer
from rpa_lab.simulate.simulated import Fleet

DAYS = 28
SHARES = {"half of the runs": 0.5, "a tenth of the runs": 0.1}
OLD, NEW = "1.0", "2.0"


def versions(seeds: Iterable[int]) -> pl.DataFrame:
    """How often intervals of versions hold, what was planted is named, and nothing is said of equal ones."""
    held: list[Held] = []
    said: list[Held] = []
    for seed in seeds:
        for one, other in _of_fleet(seed):
            held += one
            said += other
    named = coverage_table(said, what="versions")
    return pl.concat([coverage_table(held), named.select(list(COUNTED))])


def _of_fleet(seed: int) -> Iterator[tuple[list[Held], list[Held]]]:
    calm = five(DAYS, seed)
    faults = list(planted(seed, usual(calm), size=SIZES[0], onset=0))
    struck = five(DAYS, seed, faults=[fault for _, _, fault in faults])
    where = {fault.workflow_id: (PART[kind], node) for kind, node, fault in faults}
    assert len(where) == len(KINDS)
    assert set(calm.executions["execution_id"]) == set(struck.executions["execution_id"])
    sides = frames(calm), frames(struck)
    for place, (share, fraction) in enumerate(SHARES.items()):
        coin = np.random.default_rng([seed, place]).random(calm.executions.height) < fraction
        new = calm.executions.select("execution_id").filter(pl.Series(coin))
        for name, changed in (("no fault", calm), ("a fault", struck)):
            with stored(*_mixed(calm, changed, new)) as store:
                for workflow_id, part in where.items():
                    found = AttributionAnalyzer(store).attribute_versions(workflow_id, OLD, NEW, period="all")
                    nodes = nodes_of(workflow_id, *sides)
                    before, now = (work_by_day(side, workflow_id, days=DAYS, nodes=nodes) for side in sides)
                    truth = truth_table(truth_of(before, now if changed is struck else before), nodes=nodes)
                    design = f"versions, {share}, {name}"
                    yield list(held_in_table(found, truth, design=design)), _verdict(found, part, design=design)


def _mixed(old: Fleet, changed: Fleet, new: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The executions and steps of the one fleet, and of the other for the runs of the new version."""
    executions, steps = (
        pl.concat([first.join(new, on="execution_id", how="anti"), second.join(new, on="execution_id", how="semi")])
        for first, second in ((old.executions, changed.executions), (old.steps, changed.steps))
    )
    version = pl.when(pl.col("execution_id").is_in(new["execution_id"].implode())).then(pl.lit(NEW))
    return executions.with_columns(workflow_version=version.otherwise(pl.lit(OLD))), steps


def _verdict(found: Attribution, part: tuple[str, str | None], *, design: str) -> list[Held]:
    sure = found.sure_parts
    first = sure.select("kind", "node_id").row(0) if sure.height else None
    return [
        Held(design, "significant", bool(found.significant)),
        Held(design, "significant or a part", bool(found.significant) or sure.height > 0),
        Held(design, "named first, for sure", first == part),
    ]
