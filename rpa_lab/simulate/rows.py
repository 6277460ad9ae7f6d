"""From arrays to the rows of the tables: executions, steps and recoveries of one workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from rpa_lab.simulate.calendar import NIGHTLY
from rpa_lab.simulate.columns import frame_of, look_up, only, padded, schema_of, times
from rpa_lab.simulate.flaws import is_lost, skew_us
from rpa_lab.simulate.messages import FAILURES, failure_line
from rpa_lab.simulate.recovery import HEALED_SHARE, HEALING, STRATEGIES
from rpa_lab.simulate.resources import samples_of
from rpa_lab.simulate.runs import NO_CONFIDENCE, NO_DURATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpa_lab.simulate.flaws import Flaws
    from rpa_lab.simulate.process import Node
    from rpa_lab.simulate.runs import Bools, Floats, Ints, Runs, Small
    from rpa_lab.simulate.world import World

__all__ = ["Rows", "ids_of", "rows_of"]

_SEEING: Final = ("screen", "sign_in", "document")


class Rows(NamedTuple):
    """Rows of the store's tables, in the public columns of each."""

    executions: pl.DataFrame
    steps: pl.DataFrame
    recoveries: pl.DataFrame
    resources: pl.DataFrame


def rows_of(runs: Runs, *, world: World, flaws: Flaws, resources: bool = False) -> Rows:
    """The frames of one workflow's runs.

    Parameters
    ----------
    runs : Runs
        With whatever faults are planted in them.
    world : World
        Where they ran.
    flaws : Flaws
        What is wrong with the records.
    resources : bool
        Whether there are samples of CPU and memory too.

    Returns
    -------
    Rows
        In the order of runs, and of steps within a run.
    """
    started_us = runs.started_us + skew_us(flaws, world.hosts)[runs.host]
    executions = _executions(runs, started_us, world=world)
    ends_us = runs.ends_us()
    at = np.flatnonzero(_heard_of(runs, ends_us))
    run, made = runs.run()[at], runs.made()
    index = np.cumsum(made)[at] - 1
    index -= np.concatenate([[0], np.cumsum(made)])[runs.first][run]
    begun_us = started_us[run] + ends_us[at] - runs.duration_us[at]
    if flaws.lost_minutes:
        lost = is_lost(
            runs.host[run], begun_us, seed=world.seed, flaws=flaws, hosts=world.hosts, start_us=world.start_us
        )
        at, run, index, begun_us = at[~lost], run[~lost], index[~lost], begun_us[~lost]
    node, durations_us, retries = runs.node[at], runs.duration_us[at], runs.retries[at]
    nodes = runs.process.nodes
    fails = runs.failing()[at]
    sees = np.asarray([one.action.family in _SEEING for one in nodes])[node] & (runs.missing[at] & NO_CONFIDENCE == 0)
    confidence = np.round(np.clip(0.985 - runs.doubt[at].astype(np.float64) - 0.14 * retries, 0.2, 1), 3)
    durations = np.where(runs.missing[at] & NO_DURATION, np.nan, durations_us / 1000)
    steps = frame_of(
        "steps",
        execution_id=executions["execution_id"].gather(run),
        workflow_id=pl.repeat(runs.process.workflow_id, len(at), eager=True),
        node_id=look_up([one.node_id for one in nodes], node),
        action_type=look_up([one.action_type for one in nodes], node),
        target_element=look_up([one.target_element for one in nodes], node),
        started_at=times(begun_us),
        completed_at=times(begun_us + durations_us),
        duration_ms=pl.Series(durations).fill_nan(None),
        status=look_up(["completed", "failed"], fails.astype(np.int64)),
        confidence_score=pl.Series(np.where(sees, confidence, np.nan)).fill_nan(None),
        retry_count=pl.Series(retries),
        error_details=only(fails, executions["error_message"].gather(run)),
        step_index=pl.Series(index),
        application=look_up([one.application for one in nodes], node),
    )
    healing = np.asarray([one.action.family in HEALING for one in nodes])[node]
    tried = np.flatnonzero((retries > 0) & healing & (runs.heal[at] < HEALED_SHARE))
    recoveries = _recoveries(
        runs, steps, tried, node[tried], runs.heal[at[tried]].astype(np.float64), durations_us[tried]
    )
    samples = (
        samples_of(runs, executions, started_us, world=world)
        if resources
        else pl.DataFrame(schema=schema_of("resources"))
    )
    return Rows(executions, steps, recoveries, samples)


def ids_of(runs: Runs, *, world: World) -> pl.Series:
    """The execution_id of each run."""
    return world.plans[runs.process.workflow_id].id_prefix + "-" + padded(runs.number, 6)


def _heard_of(runs: Runs, ends_us: Ints) -> Bools:
    """The visits that are on record: made, and ended before their run was cut off."""
    cut_us = np.repeat(runs.cut_us, runs.counts)
    return runs.made() & ((cut_us < 0) | ((ends_us <= cut_us) & ~runs.failing()))


def _executions(runs: Runs, started_us: Ints, *, world: World) -> pl.DataFrame:
    length_us = runs.length_us()
    ended = runs.cut_us < 0
    failed = ended & (runs.failure >= 0)
    cancelled = ended & runs.cancelled
    status = np.where(~ended, 3, np.where(failed, 1, np.where(cancelled, 2, 0)))
    key = runs.process.key_prefix + "-" + padded(runs.number + 1, 7)
    trigger = "schedule" if runs.process.rhythm == NIGHTLY else "queue"
    total = np.bincount(runs.run()[runs.made()], minlength=len(runs.number))
    said = _Said(runs, failed, key)
    return frame_of(
        "executions",
        execution_id=ids_of(runs, world=world),
        workflow_id=pl.repeat(runs.process.workflow_id, len(failed), eager=True),
        started_at=times(started_us),
        completed_at=only(ended, times(started_us + length_us)),
        duration_ms=only(ended, pl.Series(length_us / 1000)),
        status=look_up(["completed", "failed", "cancelled", "running"], status),
        steps_total=only(ended, pl.Series(total)),
        steps_completed=only(ended, pl.Series(total - failed)),
        steps_failed=only(ended, pl.Series(failed.astype(np.int64))),
        error_message=said.text([message.line for message in runs.messages]),
        context=f'{{"trigger": "{trigger}", "lines": ' + pl.Series(runs.lines).cast(pl.String) + "}",
        robot_id=look_up(runs.robots, runs.robot),
        host=look_up(world.hosts, runs.host),
        workflow_version=look_up(runs.versions, runs.version),
        business_key=key,
        queued_at=times(runs.queued_us),
        exception_kind=said.text([message.exception_kind for message in runs.messages]),
        error_details=said.text([message.trace for message in runs.messages]),
        end_context=only(cancelled, pl.repeat('{"cancelled_by": "operator"}', len(failed), eager=True)),
    )


def _recoveries(
    runs: Runs, steps: pl.DataFrame, rows: Ints, place: Small, heal: Floats, duration_us: Ints
) -> pl.DataFrame:
    """One row per attempt of a bot to heal a step between two attempts at it."""
    healed = steps.select(pl.all().gather(rows))
    usual = [_usual_trouble(node) for node in runs.process.nodes]
    step_id = healed["execution_id"] + ":" + healed["step_index"].cast(pl.String)
    started_us = healed["started_at"].to_physical().to_numpy() + duration_us * 2 // 5
    strategy = np.minimum(heal / HEALED_SHARE * len(STRATEGIES), len(STRATEGIES) - 1).astype(np.int64)
    return frame_of(
        "recoveries",
        recovery_id=step_id + ":recovery",
        execution_id=healed["execution_id"],
        workflow_id=healed["workflow_id"],
        step_id=step_id,
        node_id=healed["node_id"],
        strategy=look_up(STRATEGIES, strategy),
        started_at=times(started_us),
        completed_at=times(started_us + duration_us // 4),
        duration_ms=pl.Series(duration_us // 4 / 1000),
        status=look_up(["recovered", "failed"], (healed["status"] == "failed").cast(pl.Int64).to_numpy()),
        confidence_score=healed["confidence_score"],
        error_details=healed["error_details"].zip_with(healed["error_details"].is_not_null(), look_up(usual, place)),
    )


def _usual_trouble(node: Node) -> str:
    """What goes wrong with this step for a moment only: nothing that is waited for, as the step took little longer."""
    passing = [way for way in FAILURES[node.action.family] if way.retried and not way.wait_s]
    return failure_line(passing[0], node) if passing else ""


class _Said:
    """What failed runs say, with their case in it."""

    def __init__(self, runs: Runs, failed: Bools, key: pl.Series) -> None:
        self._rows = np.flatnonzero(failed)
        self._what = runs.failure[self._rows]
        self._place = np.maximum(np.cumsum(failed) - 1, 0)
        self._failed = failed
        self._key = key.gather(self._rows)

    def text(self, texts: Sequence[str]) -> pl.Series:
        """One of these texts for each failed run, null for the others."""
        if not len(self._rows):
            return pl.repeat(None, len(self._failed), dtype=pl.String(), eager=True)
        said = pl.DataFrame({"text": look_up(texts, self._what), "key": self._key})
        spoken = said.select(pl.col("text").str.replace_all("{key}", pl.col("key"), literal=True))["text"]
        return only(self._failed, spoken.gather(self._place))
