"""Why runs take longer: what an attribution holds, and the sentence that says it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import numpy as np
import polars as pl

from rpa_lab.analysis.attribution.parts import by_cause, corrected_parts
from rpa_lab.analysis.attribution.tail import TailAttribution
from rpa_lab.analysis.attribution.words import change_text, part_text
from rpa_lab.analysis.before_after import days_text
from rpa_lab.analysis.changes import ChangePoint, since_text
from rpa_lab.inference.intervals import DAYS
from rpa_lab.inference.shift import LEAST_A_SIDE
from rpa_lab.result import Result
from rpa_lab.units import count_text, name_text

__all__ = ["Attribution", "Attributions"]

_NAMED: Final = 3  # causes in a sentence
_WORTH_NAMING: Final = 0.05  # of the change
_SURER: Final = 0.2  # the part of the errors allowed for that parts may have where the change itself isn't sure


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution(Result):
    """Why one workflow's completed runs take longer, or less long, in a current period than in a baseline.

    Or with a version than with another.

    Attributes
    ----------
    workflow_id : str
        The workflow.
    baseline_period, current_period : str
        Half-open UTC bounds; of versions those in which both were looked for.
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
        How often chance moves days as far apart, fraction 0-1; corrected for the number of `workflows`.
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
        Since when its first sure cause has been one; None where none is sure, or no level moved, and of versions.
    compared_versions : tuple of str or None
        The version in place of the baseline, and the one in place of the current period; None of periods.
    workflows : int
        Among how many workflows it was judged: for that number p-values are corrected. 1: it was asked for by itself.
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
    compared_versions: tuple[str, str] | None = None
    workflows: int = 1
    warnings: tuple[str, ...] = ()

    @property
    def sure_parts(self) -> pl.DataFrame:
        """The rows of `parts` that hold, in the order of `rpa_lab.analysis.attribution.parts.by_cause`.

        Where the change as a whole doesn't hold, by a fifth of the errors allowed.

        None with too few days to know what days differ by (`basis` isn't "days").
        """
        return by_cause(self.parts).filter(self.sure)

    @property
    def sure(self) -> pl.Expr:
        """Whether a row of `parts` is one of `sure_parts`."""
        if self.basis != DAYS:
            return pl.lit(value=False)
        if self.significant:
            return pl.col("notable")
        # parts hidden by what days differ by
        return pl.col("notable") & (pl.col("p_value") <= (1 - self.level) * _SURER)

    @property
    def first_cause(self) -> dict[str, Any] | None:
        """The row of the sure part that the sentence names first; None where no part in the change's direction is."""
        along = self._along(self.sure_parts) if self.significant else self.sure_parts
        return None if along.is_empty() else along.row(0, named=True)

    @property
    def side_names(self) -> tuple[str, str]:
        """What the sides are called beside their figures: before and now, or with which version."""
        if self.compared_versions is None:
            return "before", "now"
        first, second = self.compared_versions
        return f"with {first}", f"with {second}"

    @property
    def sides_text(self) -> str:
        """What is held against what, in words, by the days of its zone."""
        before, now = (days_text(period, tz=self.tz) for period in (self.baseline_period, self.current_period))
        if self.compared_versions is None:
            return f"{now} against {before} ({self.tz})"
        first, second = self.compared_versions
        return f"version {second} against {first}, {now} ({self.tz})"

    @property
    def chance_text(self) -> str:
        """How likely chance is, in words: p, or q where it was judged among others."""
        if self.p_value is None:
            return f"{LEAST_A_SIDE} days a side are needed at least"
        if self.workflows == 1:
            return f"p = {self.p_value:.2g}"
        return f"q = {self.p_value:.2g}, p corrected for {self.workflows:,} workflows"

    @property
    def sentence(self) -> str:
        """What it says: the change, and the parts that matter; or that nothing is sure."""
        if self.change_ms is None:
            return f"Runs of {self.workflow_id} can't be compared: {self.warnings[0]}."
        said = self._change()
        if self.p_value is None:
            return f"{said}, undecided whether that is more than chance: {self.chance_text}.{self._beside()}"
        if not self.significant:
            return f"{said}, no more than chance explains ({self.chance_text}).{self._beside()}"
        kept = self.sure_parts if self.basis == DAYS else self.parts.filter("notable")
        along, against = self._along(kept), self._along(kept, against=True)
        others = against if along.is_empty() and not against.is_empty() else None
        against_text = self._against(self._worth(against) if others is None else others.head(1))
        if along.is_empty():
            which = "parts" if against.is_empty() else "parts in that direction"
            largest = self._text(self._along(self.parts).row(0, named=True))
            unsure = "sure by itself" if self.basis == DAYS else "clear by itself, not even of these runs alone"
            return f"{said}{self._since()}; none of its {which} is {unsure}, the largest is {largest}.{against_text}"
        worth = self._worth(along)
        first, *rest = [self._text(row) for row in (along.head(1) if worth.is_empty() else worth).iter_rows(named=True)]
        only = " for sure only" if worth.is_empty() and self.basis == DAYS else ""
        runs = "" if self.basis == DAYS else " in these runs"
        since = self._since(within=bool(rest))
        return f"{said}, of which{only}{runs} {', '.join([first + since, *rest])}.{against_text}"

    def _change(self) -> str:
        """How much longer runs take; of versions with which, and than with which."""
        assert self.change_ms is not None  # else there is nothing to say
        if self.compared_versions is None:
            return f"Runs of {self.workflow_id} take {change_text(self.change_ms, self.change_percent)}"
        first, second = map(name_text, self.compared_versions)
        much = change_text(self.change_ms, self.change_percent, alike="as long as") + (
            f" than with {first}" if self.change_ms else f" with {first}"
        )
        return f"Runs of {self.workflow_id} with version {second} take {much}"

    def _along(self, parts: pl.DataFrame, *, against: bool = False) -> pl.DataFrame:
        """Those in the direction of the change; or those against it."""
        same = pl.col("change_ms").sign() == np.sign(self.change_ms or 0.0)
        return parts.filter(~same if against else same)

    def _worth(self, parts: pl.DataFrame) -> pl.DataFrame:
        """Those large enough to be named, and few enough."""
        return parts.filter(pl.col("change_ms").abs() >= abs(self.change_ms or 0.0) * _WORTH_NAMING).head(_NAMED)

    def _text(self, part: dict[str, Any]) -> str:
        return part_text(part, strata=self.strata, by=self.by)

    def _signed_text(self, part: dict[str, Any]) -> str:
        return self._text(part).replace(" because", f" {'more' if part['change_ms'] > 0 else 'less'} because", 1)

    def _since(self, *, within: bool = False) -> str:
        """Since when; `within` a list what was changed then stands in brackets."""
        point = self.change_point
        if point is None:
            return ""
        return f" {since_text(point.on, point.nearest_change, aside=within)}"

    def _against(self, others: pl.DataFrame) -> str:
        texts = [self._signed_text(row) for row in others.iter_rows(named=True)]
        return f" Against that, {', '.join(texts)}." if texts else ""

    def _beside(self) -> str:
        """The largest part that holds though the whole doesn't; of few days what these runs alone say."""
        if self.basis != DAYS:
            clear = self.parts.filter("notable")
            if clear.is_empty():
                return ""
            part = self._signed_text(clear.row(0, named=True))
            return f" In these runs one part differs: {part}; so few days don't tell whether days differ by as much."
        if self.sure_parts.is_empty():
            return ""
        sure = self.sure_parts
        count = "one is sure:" if sure.height == 1 else f"{sure.height:,} are sure, above all"
        return f" Of its parts {count} {self._signed_text(sure.row(0, named=True))}{self._since()}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributions(Result):
    """Why each workflow's runs take longer or less long; `table` has one row per workflow.

    Sure changes first, then those of which a part is sure, each the largest first, then by p-value: workflow_id,
    baseline_runs, current_runs, baseline_mean_ms, current_mean_ms, change_ms, change_low_ms, change_high_ms,
    change_percent, basis, p_value (of each by itself), q_value (corrected for the number of workflows by
    Benjamini-Hochberg, from shorter blocks of days so that it can be small enough, and never less than p), significant
    (q_value ≤ 1 - level; null where undecided), the largest part's (of sure parts, if there are any) kind, node_id,
    part_ms, part_low_ms and part_high_ms, sure_part (whether a part is sure, corrected for the number of workflows as
    well), parts_factor (by what p-values of its parts were multiplied for that), sentence, doubts.
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
        if self.table.is_empty():
            return "No workflow has completed runs in both periods."
        sure = self.table.filter("significant")
        every = count_text(self.table.height, "workflow")
        if sure.height:
            take = "takes" if sure.height == 1 else "take"
            return f"{sure.height:,} of {every} {take} longer or less long. {sure['sentence'][0]}"
        hidden = self.table.filter("sure_part")
        none = f"Of {every} none takes longer or less long for sure"
        return f"{none}. {hidden['sentence'][0]}" if hidden.height else f"{none}."

    def judged(self, found: Attribution) -> Attribution:
        """An attribution of one of these workflows, judged as it is among all: for one that was chosen by its result.

        Parameters
        ----------
        found : Attribution
            Of the same periods, asked for by itself.

        Returns
        -------
        Attribution
            With q in place of p, and parts corrected as well; `found` itself where the table doesn't have it, or is of
            one workflow.
        """
        rows = self.table.filter(pl.col("workflow_id") == found.workflow_id)
        if rows.is_empty() or self.table.height == 1:
            return found
        q_value, significant, factor = rows.select("q_value", "significant", "parts_factor").row(0)
        tail = found.tail
        judged = replace(
            found,
            p_value=q_value,
            significant=significant,
            parts=corrected_parts(found.parts, factor, level=self.level),
            tail=tail and replace(tail, parts=corrected_parts(tail.parts, factor, level=self.level)),
            workflows=self.table.height,
        )
        first, same = found.first_cause, judged.first_cause
        is_same = first and same and (first["kind"], first["node_id"]) == (same["kind"], same["node_id"])
        return judged if is_same else replace(judged, change_point=None)
