"""Whether an attribution names what was done to a workflow, holds the truth, and is silent where nothing was done.

- Named: fleets of 56 days and five workflows of about 40 runs a day, seeds 0 to 49. From the 29th day on one fault of
  each kind strikes, each in a workflow of its own, made so large that it moves the mean by about 8 %, and again by
  about 5.5 %; those that move it by less than 5 % (`true_shift_ms` of the truth, by the mean before) aren't counted.
  "first" counts how often what was planted (step and kind) is the largest part; "said" how often the sentence names it
  first, for sure, corrected over parts and the five workflows; "significant" how often the change as a whole is more
  than what days differ by, corrected over the workflows.
- Silent: the same fleets without a fault, and again where days resemble the day before. "significant" counts those in
  which any of the five workflows has a significant change, "significant or a part" also those in which a sentence calls
  a part sure though the change isn't; "one by itself" the same of the first workflow, asked for alone.
- Related: 20 workflows' days without a fault, each of which resembles the day before (autocorrelation 0.2 and 0.4); how
  often any of them is significant, corrected.
- Coverage: in how many nominal 95 % intervals of parts the truth lies; parts that can't vary (a step that each run
  takes once, never tried again) are left out. No truth is estimated as the intervals are. Without a fault it is 0, both
  periods being days of one fleet; with one it is the split of 1,400 days without against 1,400 with it
  (`attributing.long_fleets`), its strata counted by what they are on average (`attributing.coverage`), or its
  longest twentieth (`attributing.tails`); of intervals that speak of these runs only it is what the same days give with
  25 times as many runs (`attributing.few_days`).
- Versions: runs of the same 28 days, of which a coin says by which version they are done (`attributing.versions`).

    python benchmarks/study_attribution.py      as committed; writes results/attribution.csv
    python benchmarks/study_attribution.py 5    seeds 0 to 4, coverage of seed 0 only, and writes nothing
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from benchmarks.attributing.coverage import coverage, coverage_of_related_days, coverage_of_strata
from benchmarks.attributing.few_days import coverage_of_few_days
from benchmarks.attributing.planting import SIZES
from benchmarks.attributing.related import related
from benchmarks.attributing.tails import coverage_of_tails
from benchmarks.attributing.verdicts import named, silent, silent_of_related_days
from benchmarks.attributing.versions import versions

RESULTS: Final = Path(__file__).parent / "results" / "attribution.csv"
SEEDS, LONG_SEEDS, STRATA_SEEDS, TAIL_SEEDS, FEW_SEEDS, VERSION_SEEDS = 50, 5, 3, 2, 10, 12


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    whole = seeds == SEEDS
    long, strata, tails, few, versions_of = (
        range(count if whole else 1) for count in (LONG_SEEDS, STRATA_SEEDS, TAIL_SEEDS, FEW_SEEDS, VERSION_SEEDS)
    )
    parts: list[Callable[[], pl.DataFrame]] = [
        *(partial(named, range(seeds), size=size) for size in SIZES),
        partial(silent, range(seeds)),
        *(partial(silent_of_related_days, range(seeds), alike=alike) for alike in (0.3, 0.45)),
        partial(related, range(2 * seeds)),
        partial(coverage, long),
        partial(coverage_of_related_days, long),
        partial(coverage_of_strata, strata),
        partial(coverage_of_tails, tails),
        partial(coverage_of_few_days, few),
        partial(versions, versions_of),
    ]
    tables = []
    for part in parts:
        began = time.process_time()
        tables.append(part())
        print(f"{tables[-1]['design'][0]}: {time.process_time() - began:.0f} s of CPU time", flush=True)
    table = pl.concat(tables).with_columns(percent=pl.col("n") / pl.col("of") * 100)
    with pl.Config(tbl_rows=-1, tbl_width_chars=160, float_precision=1, tbl_hide_column_data_types=True):
        print(table)
    print(f"{time.process_time():.0f} s of CPU time")
    if whole:
        RESULTS.parent.mkdir(exist_ok=True)
        table.write_csv(RESULTS, float_precision=2)


if __name__ == "__main__":
    main()
