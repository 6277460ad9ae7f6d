"""Why runs take longer: what an attribution holds, and the sentence that says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import polars as pl

from rpa_lab.analysis.attribution.tail import TailAttribution
from rpa_lab.analysis.attribution.words import change_text, part_text
from rpa_lab.analysis.changes import ChangePoint, since_text
from rpa_lab.inference.shift import LEAST_A_SIDE
from rpa_lab.result import Result
from rpa_lab.units import count_text

__all__ = ["Attribution", "Attributions"]

_NAMED: Final = 3  # causes in a sentence
_WORTH_NAMING: Final = 0.05  # of the change
_SURER: Final = 0.2  # the part of the errors allowed for that parts may have where the change itself isn't sure


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution(Result):
    """Why one workflow's completed runs take longer, or less long, in a current period than in a baseline.

    Attributes
    ----------
    workflow_id : str
        The workflow.
    baseline_period, current_period : str
        Half-open UTC bounds.
    tz : str
        The zone whose days are drawn.
    baseline_mean_ms, current_mean_ms : float or None
        Mean durations of completed runs; None where there are none.
    change_ms, change_low_ms, change_high_ms : float or None
        How much longer, with its interval.
    change_percent : float or None
        The same of the baseline's mean; None where that is 0.
    baseline_runs, current_runs, baseline_days, current_days : int
        Completed runs with a known duration, and on how many days.
    baseline_failure_share, current_failure_share : float or None
        Of the runs that ended, what did not complete, fraction 0-1.
    significant : bool or None
        Whether days differ by more than chance explains (two-sided); None: undecided, with too few days.
    p_value : float or None
        How often chance moves days as far apart, fraction 0-1.
    parts : DataFrame
        One row per part, the largest first; they add up to `change_ms`. kind ("attempts": a step is tried more often;
        "time": an attempt takes longer; "waiting": what no step took; "mix": other runs), node_id, change_ms, low_ms,
        high_ms, share (of the change), before, after (attempts per run; ms per attempt; ms per run), notable (holds
        after correction for the number of parts), p_value (corrected so).
    strata : DataFrame or None
        By robot, host or context, where that was asked for: stratum, runs_before, runs_after, weight_before,
        weight_after, mean_before_ms, mean_after_ms, mix_ms, inner_ms; the last two add up to `change_ms` over all.
    versions : DataFrame
        The same by workflow_version: a view of its own.
    tail : TailAttribution or None
        The same question of the longest twentieth of the runs; None with fewer than 400 a side.
    basis : str
        "days", or "these runs only".
    level : float
        Nominal coverage of all intervals, fraction 0-1.
    by : str or None
        What `strata` are.
    change_point : ChangePoint or None
        Since when its first sure cause has been one; None where none is sure, or no level moved.
    warnings : tuple of str
        What makes it doubtful.
    """

    _table: ClassVar[str | None] = "parts"

    workflow_id: str
    baseline_period: str
    current_period: str
    tz: str
    baseline_mean_ms: float | None
    current_mean_ms: float | None
    change_ms: float | None
    change_low_ms: float | None
    change_high_ms: float | None
    change_percent: float | None
    baseline_runs: int
    current_runs: int
    baseline_days: int
    current_days: int
    baseline_failure_share: float | None
    current_failure_share: float | None
    significant: bool | None
    p_value: float | None
    parts: pl.DataFrame
    strata: pl.DataFrame | None
    versions: pl.DataFrame
    tail: TailAttribution | None
    basis: str
    level: float
    by: str | None = None
    change_point: ChangePoint | None = None
    warnings: tuple[str, ...] = ()

    @property
    def sure_parts(self) -> pl.DataFrame:
        """The rows of `parts` that hold; where the change as a whole doesn't, by a fifth of the errors allowed."""
        if self.significant:
            return self.parts.filter("notable")
        # parts hidden by what days differ by
        return self.parts.filter(pl.col("notable") & (pl.col("p_value") <= (1 - self.level) * _SURER))

    @property
    def sentence(self) -> str:
        """What it says: the change, and the parts that matter; or that nothing is sure."""
        if self.change_ms is None:
            return f"Runs of {self.workflow_id} can't be compared: {self.warnings[0]}."
        said = f"Runs of {self.workflow_id} take {change_text(self.change_ms, self.change_percent)}"
        point = self.change_point
        since = "" if point is None else f" {since_text(point.on, point.nearest_change)}"
        if not self.significant:
            chance = (
                f"undecided whether that is more than chance: {LEAST_A_SIDE} days a side are needed at least"
                if self.p_value is None
                else f"no more than chance explains (p = {self.p_value:.2g})"
            )
            return f"{said}, {chance}.{self._sure_beside(since)}"
        causes, others = self._notable()
        if not causes:
            largest = self.parts.filter(pl.col("change_ms").sign() == np.sign(self.change_ms)).row(0, named=True)
            text = part_text(largest, strata=self.strata, by=self.by)
            return f"{said}{since}; none of its parts is sure by itself, the largest is {text}.{self._against(others)}"
        first, *rest = causes
        return f"{said}, of which {', '.join([first + since, *rest])}.{self._against(others)}"

    def __str__(self) -> str:
        return self.sentence

    def _notable(self) -> tuple[list[str], list[str]]:
        """The parts that hold and matter, in words: those in the direction of the change, and those against it."""
        least = abs(self.change_ms or 0.0) * _WORTH_NAMING
        kept = self.sure_parts.filter(pl.col("change_ms").abs() >= least)
        along = kept.filter(pl.col("change_ms").sign() == np.sign(self.change_ms or 0.0))
        texts = [
            [part_text(row, strata=self.strata, by=self.by) for row in side.head(_NAMED).iter_rows(named=True)]
            for side in (along, kept.filter(pl.col("change_ms").sign() != np.sign(self.change_ms or 0.0)))
        ]
        return texts[0], texts[1]

    def _against(self, others: list[str]) -> str:
        if not others:
            return ""
        less = "less" if (self.change_ms or 0.0) > 0 else "more"
        return f" Against that, {', '.join(text.replace(' because', f' {less} because', 1) for text in others)}."

    def _sure_beside(self, since: str) -> str:
        """The largest part that holds though the whole doesn't."""
        if self.sure_parts.is_empty():
            return ""
        row = self.sure_parts.row(0, named=True)
        more = "more" if row["change_ms"] > 0 else "less"
        text = part_text(row, strata=self.strata, by=self.by).replace(" because", f" {more} because", 1)
        return f" Of its parts one is sure: {text}{since}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributions(Result):
    """Why each workflow's runs take longer or less long; `table` has one row per workflow.

    Sure changes first, then those of which a part is sure, each the largest first, then by p-value: workflow_id,
    baseline_runs, current_runs, baseline_mean_ms, current_mean_ms, change_ms, change_low_ms, change_high_ms,
    change_percent, basis, p_value, q_value (p corrected for the number of workflows by Benjamini-Hochberg),
    significant (q_value ≤ 1 - level; null where undecided), the largest part's (of sure parts, if there are any)
    kind, node_id, part_ms, part_low_ms and part_high_ms, sure_part (whether a part is sure, corrected for the
    number of workflows as well), sentence, doubts.
    Workflows without completed runs in one of the periods are counted in `warnings`.
    """

    _table: ClassVar[str | None] = "table"

    baseline_period: str
    current_period: str
    tz: str
    level: float
    table: pl.DataFrame
    warnings: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """How many workflows changed, and the first one's sentence."""
        sure = self.table.filter("significant")
        every = count_text(self.table.height, "workflow")
        if sure.height:
            return f"{sure.height:,} of {every} take longer or less long. {sure['sentence'][0]}"
        hidden = self.table.filter("sure_part")
        none = f"Of {every} none takes longer or less long for sure"
        return f"{none}. {hidden['sentence'][0]}" if hidden.height else f"{none}."
