"""From arrays to the rows of the tables: executions, steps and recoveries of one workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from rpa_lab.schema import TABLES
from rpa_lab.simulate.calendar import NIGHTLY
from rpa_lab.simulate.messages import FAILURES, failure_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpa_lab.simulate.process import Node
    from rpa_lab.simulate.runs import Bools, Ints, Runs

__all__ = ["Rows", "rows_of", "schema_of"]

_TIME = pl.Datetime("us", "UTC")
_SEEING: Final = ("screen", "sign_in", "document")
_HEALING: Final = ("screen", "sign_in", "program")
_HEALED_SHARE = 0.75
_STRATEGIES: Final = ("alternative_selector", "wait_and_retry", "restart_application")


class Rows(NamedTuple):
    """The rows of one workflow, in the public columns of each table."""

    executions: pl.DataFrame
    steps: pl.DataFrame
    recoveries: pl.DataFrame


def schema_of(table: str) -> pl.Schema:
    """The public columns of a table and their Polars types.

    Parameters
    ----------
    table : str
        Its name.

    Returns
    -------
    polars.Schema

    Examples
    --------
    >>> list(schema_of("recoveries").items())[0]
    ('recovery_id', String)
    """
    full = pl.Schema(TABLES[table].arrow)
    return pl.Schema({name: full[name] for name in TABLES[table].names})


def rows_of(runs: Runs, *, hosts: Sequence[str], id_prefix: str) -> Rows:
    """The frames of one workflow's runs.

    Parameters
    ----------
    runs : Runs
        With whatever faults are planted in them.
    hosts : sequence of str
        The names of the fleet's hosts.
    id_prefix : str
        Begins each execution_id; the run's number follows.

    Returns
    -------
    Rows
        In the order of runs, and of steps within a run.
    """
    executions = _executions(runs, hosts=hosts, id_prefix=id_prefix)
    run, place = np.nonzero(runs.taken())
    ends = runs.step_ends()[run, place] + runs.started_us[run]
    durations = runs.duration_us[run, place]
    fails = (runs.failure[run] >= 0) & (place == runs.stop[run] - 1)
    retries = runs.retries[run, place]
    families = [node.action.family for node in runs.process.nodes]
    sees = np.asarray([family in _SEEING for family in families])[place]
    confidence = np.round(np.clip(0.985 - runs.doubt[run, place] - 0.14 * retries, 0.2, 1), 3)
    healing = np.asarray([family in _HEALING for family in families])[place]
    heal = runs.heal[run, place]
    steps = _frame(
        "steps",
        execution_id=executions["execution_id"].gather(run),
        workflow_id=pl.repeat(runs.process.workflow_id, len(run), eager=True),
        node_id=_look_up([node.node_id for node in runs.process.nodes], place),
        action_type=_look_up([node.action_type for node in runs.process.nodes], place),
        target_element=_look_up([node.target_element for node in runs.process.nodes], place),
        started_at=_times(ends - durations),
        completed_at=_times(ends),
        duration_ms=pl.Series(durations / 1000),
        status=_look_up(["completed", "failed"], fails.astype(np.int64)),
        confidence_score=pl.Series(np.where(sees, confidence, np.nan)).fill_nan(None),
        retry_count=pl.Series(retries),
        error_details=_where(fails, executions["error_message"].gather(run)),
        step_index=pl.Series(place.astype(np.int64)),
        application=_look_up([node.application for node in runs.process.nodes], place),
    )
    attempted = np.flatnonzero((retries > 0) & healing & (heal < _HEALED_SHARE))
    return Rows(executions, steps, _recoveries(runs, steps, attempted, place[attempted], heal[attempted]))


def _executions(runs: Runs, *, hosts: Sequence[str], id_prefix: str) -> pl.DataFrame:
    length_us = runs.length_us()
    failed = runs.failure >= 0
    key = runs.process.key_prefix + "-" + _padded(runs.number + 1, 7)
    trigger = "schedule" if runs.process.rhythm == NIGHTLY else "queue"
    ended = np.where(failed, 1, np.where(runs.cancelled, 2, 0))
    version = runs.process.version
    return _frame(
        "executions",
        execution_id=id_prefix + "-" + _padded(runs.number, 6),
        workflow_id=pl.repeat(runs.process.workflow_id, len(failed), eager=True),
        started_at=_times(runs.started_us),
        completed_at=_times(runs.started_us + length_us),
        duration_ms=pl.Series(length_us / 1000),
        status=_look_up(["completed", "failed", "cancelled"], ended),
        steps_total=pl.Series(runs.stop),
        steps_completed=pl.Series(runs.stop - failed),
        steps_failed=pl.Series(failed.astype(np.int64)),
        error_message=_said(runs, [message.line for message in runs.messages], key),
        context=f'{{"trigger": "{trigger}", "lines": ' + pl.Series(runs.lines).cast(pl.String) + "}",
        robot_id=_look_up(
            [f"{runs.process.workflow_id}-bot-{i + 1:02d}" for i in range(runs.robot.max(initial=0) + 1)], runs.robot
        ),
        host=_look_up(hosts, runs.host),
        workflow_version=pl.repeat(version, len(failed), eager=True),
        business_key=key,
        queued_at=_times(runs.queued_us),
        exception_kind=_said(runs, [message.exception_kind for message in runs.messages], key),
        error_details=_said(runs, [message.trace for message in runs.messages], key),
        end_context=_where(runs.cancelled, pl.repeat('{"cancelled_by": "operator"}', len(failed), eager=True)),
    )


def _recoveries(runs: Runs, steps: pl.DataFrame, rows: Ints, place: Ints, heal: np.ndarray) -> pl.DataFrame:
    """One row per attempt of a bot to heal a step between two attempts at it."""
    healed = steps.select(pl.all().gather(rows))
    usual = [_usual_trouble(node) for node in runs.process.nodes]
    step_id = healed["execution_id"] + ":" + healed["step_index"].cast(pl.String)
    duration_us = np.rint(healed["duration_ms"].to_numpy() * 1000).astype(np.int64)
    started_us = healed["started_at"].to_physical().to_numpy() + duration_us * 2 // 5
    strategy = np.minimum(heal / _HEALED_SHARE * len(_STRATEGIES), len(_STRATEGIES) - 1).astype(np.int64)
    return _frame(
        "recoveries",
        recovery_id=step_id + ":recovery",
        execution_id=healed["execution_id"],
        workflow_id=healed["workflow_id"],
        step_id=step_id,
        node_id=healed["node_id"],
        strategy=_look_up(_STRATEGIES, strategy),
        started_at=_times(started_us),
        completed_at=_times(started_us + duration_us // 4),
        duration_ms=pl.Series(duration_us // 4 / 1000),
        status=_look_up(["recovered", "failed"], (healed["status"] == "failed").cast(pl.Int64).to_numpy()),
        confidence_score=healed["confidence_score"],
        error_details=healed["error_details"].zip_with(healed["error_details"].is_not_null(), _look_up(usual, place)),
    )


def _usual_trouble(node: Node) -> str:
    """What goes wrong with this step for a moment only: nothing that is waited for, as the step took little longer."""
    passing = [way for way in FAILURES[node.action.family] if way.retried and not way.wait_s]
    return failure_line(passing[0], node) if passing else ""


def _frame(table: str, **columns: pl.Series) -> pl.DataFrame:
    """The columns given, the others null, in the table's order and types."""
    schema = schema_of(table)
    count = len(next(iter(columns.values())))
    return pl.DataFrame(
        {
            name: columns[name].cast(dtype) if name in columns else pl.repeat(None, count, dtype=dtype, eager=True)
            for name, dtype in schema.items()
        }
    )


def _look_up(values: Sequence[str], index: Ints) -> pl.Series:
    return pl.Series(values, dtype=pl.String).gather(index)


def _said(runs: Runs, texts: Sequence[str], key: pl.Series) -> pl.Series:
    """What each failed run says, with its case in it; null for the others."""
    failed = runs.failure >= 0
    rows = np.flatnonzero(failed)
    said = pl.DataFrame({"text": _look_up(texts, runs.failure[rows]), "key": key.gather(rows)})
    spoken = said.select(pl.col("text").str.replace_all("{key}", pl.col("key"), literal=True))["text"]
    place = np.cumsum(failed) - 1
    return (
        _where(failed, spoken.gather(np.maximum(place, 0)))
        if len(rows)
        else pl.repeat(None, len(failed), dtype=pl.String(), eager=True)
    )


def _where(keep: Bools, values: pl.Series) -> pl.Series:
    return values.zip_with(pl.Series(keep), pl.Series([None], dtype=values.dtype))


def _times(at_us: Ints) -> pl.Series:
    return pl.Series(at_us).cast(_TIME)


def _padded(numbers: Ints, width: int) -> pl.Series:
    return pl.Series(numbers).cast(pl.String).str.zfill(width)
