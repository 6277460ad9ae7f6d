"""Faults by name: ``slow_step`` is one of the seed's choice, ``slow_step,workflow_id=payroll,factor=3`` says more.

What is not said is chosen: a workflow that has no fault yet, if one is to be had, a step that fits, a size that shows.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.simulate.calendar import DAY_US, HOUR_US, NIGHTLY
from rpa_lab.simulate.faults.change import Fix, NullFix
from rpa_lab.simulate.faults.duration import Drift, LongerWaits, SlowStep
from rpa_lab.simulate.faults.failure import BadSelector, FailureBurst, Outage
from rpa_lab.simulate.faults.path import MixShift, MoreRetries, NewStep
from rpa_lab.simulate.faults.schedule import MemoryLeak, ScheduleCollision, StoppedWorkflow
from rpa_lab.simulate.recovery import HEALING
from rpa_lab.simulate.streams import stream

if TYPE_CHECKING:
    import numpy as np

    from rpa_lab.simulate.faults.fault import Fault
    from rpa_lab.simulate.process import Node, Process
    from rpa_lab.simulate.world import World

__all__ = ["KINDS", "as_faults", "default_faults", "read_faults"]

KINDS: dict[str, type[Any]] = {
    one.kind: one
    for one in (
        SlowStep,
        LongerWaits,
        MoreRetries,
        NewStep,
        MixShift,
        FailureBurst,
        Drift,
        MemoryLeak,
        Outage,
        BadSelector,
        ScheduleCollision,
        StoppedWorkflow,
        Fix,
        NullFix,
    )
}
"""Every kind of fault, by name."""

_OUTSIDE = ("screen", "service", "program")
_SIZES = {
    "slow_step": {"factor": 1.8},
    "longer_waits": {"extra_ms": 6000.0},
    "more_retries": {"share": 0.35},
    "drift": {"per_day": 0.04},
    "fix": {"percent": 30.0},
}


def as_faults(wanted: str | Sequence[Fault | str | Mapping[str, object]], world: World) -> tuple[Fault, ...]:
    """The faults that are meant: those given as they are, the others chosen, and all of them checked.

    Parameters
    ----------
    wanted : str, or sequence of faults, str or mapping
        A text is a kind, or a kind and fields: ``"slow_step,workflow_id=payroll,factor=3"``; ``"all"`` means one of
        each kind. A mapping has the field `kind` and others.
    world : World
        The fleet's.

    Returns
    -------
    tuple of Fault

    Raises
    ------
    InputError, UnknownNameError
        If one could not show, or names what doesn't exist.
    """
    chosen: list[Fault] = []
    wanted = [wanted] if isinstance(wanted, str) else wanted
    for entry in (one for each in wanted for one in (KINDS if isinstance(each, str) and each == "all" else [each])):
        if isinstance(entry, str):
            fault = _chosen(*_parsed(entry), world=world, others=chosen)
        elif isinstance(entry, Mapping):
            said = {str(name): value for name, value in entry.items() if name != "kind"}
            fault = _chosen(str(entry.get("kind")), said, world=world, others=chosen)
        elif type(entry) in KINDS.values():
            fault = entry
        else:
            raise InputError(f"faults has {quote(entry)}, expected a fault, or one of {', '.join(KINDS)}")
        fault.check(world)
        chosen.append(fault)
    return tuple(chosen)


def read_faults(path: Path) -> list[Mapping[str, object]]:
    """The faults of a TOML file: one table ``[[fault]]`` each, with its `kind` and what else is to be said of it.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of mapping
        For `as_faults`.

    Raises
    ------
    InputError
        If it is no such file.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as mistake:
        raise InputError(f"{path} is no TOML file: {mistake}") from mistake
    entries = content.get("fault")
    if (
        set(content) != {"fault"}
        or not isinstance(entries, list)
        or not all(isinstance(one, dict) and "kind" in one for one in entries)
    ):
        raise InputError(f"{path} has {quote(sorted(content))}, expected tables [[fault]], each with its kind")
    return entries


def default_faults(world: World) -> tuple[Fault, ...]:
    """What is planted unless something else is said: a step that slows down, and a burst of failures.

    The step, one of the longest of a workflow with many runs, takes 1.8 times as long after three fifths of the time.
    The burst hits another workflow for the four busiest hours of a working day, after three quarters of the time; 80 %
    of the runs fail.

    Parameters
    ----------
    world : World
        The fleet's.

    Returns
    -------
    tuple of Fault
    """
    rng = stream(world.seed, "default faults")
    processes = [plan.process for plan in world.plans.values()]
    busy = sorted(processes, key=lambda process: -process.weight)[: max(2, len(processes) // 2)]
    order = rng.permutation(len(busy)).tolist()
    slow, bursting = busy[order[0]], busy[order[-1]]
    return (
        SlowStep(workflow_id=slow.workflow_id, **_suggested("slow_step", slow, world, rng)),
        FailureBurst(workflow_id=bursting.workflow_id, **_suggested("failure_burst", bursting, world, rng)),
    )


def _parsed(text: str) -> tuple[str, dict[str, object]]:
    kind, *entries = (part.strip() for part in text.split(","))
    said: dict[str, object] = {}
    for entry in entries:
        name, equals, value = entry.partition("=")
        if not equals:
            raise InputError(f"fault {quote(text)}: {quote(entry)} has no '=', expected such as factor=1.8")
        said[name.strip()] = value.strip()
    return kind, said


def _chosen(kind: str, said: Mapping[str, object], *, world: World, others: Sequence[Fault]) -> Fault:
    """A fault of that kind, with what is said and the rest chosen."""
    if kind not in KINDS:
        raise unknown_name("there is no fault", kind, KINDS, most=20)
    known = {field.name: field for field in fields(KINDS[kind])}
    for name in said:
        if name not in known:
            raise unknown_name(f"{kind} has no field", name, known)
    given = {name: _value(kind, name, str(known[name].type), value) for name, value in said.items()}
    rng = stream(world.seed, f"{kind} {sum(one.kind == kind for one in others)} chosen")
    if kind == "outage":
        suggested = _outage(world, rng, str(given.get("application", "")))
    elif kind == "schedule_collision":
        suggested = _collision(world, others)
    else:
        process = _workflow(kind, given, world=world, others=others, rng=rng)
        suggested = {"workflow_id": process.workflow_id} | _suggested(kind, process, world, rng, given=given)
    fault: Fault = KINDS[kind](**(suggested | given))
    return fault


def _value(kind: str, name: str, type_of: str, value: object) -> object:
    """A value that was written down, in the type of its field."""
    if type_of.startswith("tuple"):
        parts = value.split("+") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
            raise InputError(f"{kind}: {name} is {quote(value)}, expected a list of texts, or one joined by '+'")
        return tuple(part.strip() for part in parts)
    expected = "a whole number" if type_of == "int" else "a number" if type_of.startswith("float") else "a text"
    try:
        if type_of == "int":
            return int(str(value))
        if type_of.startswith("float"):
            return float(str(value))
    except ValueError:
        raise InputError(f"{kind}: {name} is {quote(value)}, expected {expected}") from None
    if not isinstance(value, str):
        raise InputError(f"{kind}: {name} is {quote(value)}, expected {expected}")
    return value


def _workflow(
    kind: str, given: Mapping[str, object], *, world: World, others: Sequence[Fault], rng: np.random.Generator
) -> Process:
    """The workflow that is said, else a busy one that fits and has no fault yet."""
    if "workflow_id" in given:
        return world.plan(str(given["workflow_id"])).process
    asked = [str(given[name]) for name in ("after" if kind == "new_step" else "node_id",) if name in given]
    processes = sorted((plan.process for plan in world.plans.values()), key=lambda process: -process.weight)
    fitting = [
        process
        for process in processes
        if _fitting(kind, process) and set(asked) <= {node.node_id for node in process.nodes}
    ]
    if not fitting:
        what = f"a step {asked[0]!r}" if asked else "a step that fits"
        raise InputError(f"{kind}: no workflow of the fleet has {what}; name another, or simulate more workflows")
    taken = {name for other in others if other.kind != "outage" for name in other.workflows(world)}
    free = [process for process in fitting if process.workflow_id not in taken] or fitting
    return free[int(rng.integers(min(4, len(free))))]


def _fitting(kind: str, process: Process) -> list[Node]:
    """The steps of a workflow that a fault of some kind may be about."""
    always = [node for node in process.nodes if node.share == 1]
    longest = sorted(always, key=lambda node: -node.median_ms)
    match kind:
        case "mix_shift":
            return [node for node in process.nodes if node.share <= 0.6]
        case "bad_selector" | "more_retries":
            return [node for node in always if node.action.family in HEALING]
        case "failure_burst" | "longer_waits":
            return [node for node in always if node.action.family in _OUTSIDE]
        case "slow_step" | "drift" | "fix":
            return longest[:3]
        case _:
            return always


def _suggested(
    kind: str, process: Process, world: World, rng: np.random.Generator, *, given: Mapping[str, object] | None = None
) -> dict[str, Any]:
    """Fields for a fault of one workflow."""
    if kind == "null_fix":
        return {}
    fitting = _fitting(kind, process)
    if not fitting:
        known = ", ".join(name for name, plan in world.plans.items() if _fitting(kind, plan.process))
        raise InputError(f"{kind}: {process.workflow_id} has no step that fits; these have one: {known or 'none'}")
    node = fitting[int(rng.integers(len(fitting)))]
    if given and "node_id" in given and kind != "new_step":
        node = process.nodes[process.place(str(given["node_id"]))]
    onset: dict[str, Any] = {"onset_day": float(int(0.6 * world.days))}
    here: dict[str, Any] = {"node_id": node.node_id, **onset}
    match kind:
        case "new_step":
            return {**onset, "node_id": "screen against watch list", "after": node.node_id, "median_ms": 4000.0}
        case "mix_shift":
            return {**here, "share": round(min(0.95, node.share + 0.35), 2)}
        case "failure_burst":
            said = f"ConnectionError: {node.application} answered 503 Service Unavailable (maintenance)"
            return {**here, **_busy_hours(world, process, rng), "share": 0.8, "message": said}
        case "bad_selector":
            return {**here, "share": 0.3, "ramp_days": round(min(3.0, world.days / 5), 3)}
        case "stopped_workflow":
            window = _busy_hours(world, process, rng)
            return {"onset_day": window["onset_day"], "until_day": window["onset_day"] + 1}
        case "memory_leak":
            return {**onset, "mb_per_hour": 45.0, "slowdown_per_gb": 0.2}
        case _:
            return {**here, **_SIZES[kind]}


def _outage(world: World, rng: np.random.Generator, application: str) -> dict[str, Any]:
    """Four busy hours without the application that most workflows use at a screen or over the network."""
    users: dict[str, list[Process]] = {}
    for plan in world.plans.values():
        for name in {node.application for node in plan.process.nodes if node.action.family in _OUTSIDE}:
            users.setdefault(name, []).append(plan.process)
    application = application or max(sorted(users), key=lambda name: len(users[name]))
    busiest = max(users.get(application, [plan.process for plan in world.plans.values()]), key=lambda one: one.weight)
    said = f"ConnectionError: {application} is unreachable (no route to host)"
    return {"application": application, "message": said, **_busy_hours(world, busiest, rng)}


def _collision(world: World, others: Sequence[Fault]) -> dict[str, Any]:
    """Two workflows of the night, else the two that run least."""
    taken = {name for other in others if other.kind != "outage" for name in other.workflows(world)}
    processes = sorted((plan.process for plan in world.plans.values()), key=lambda one: one.weight)
    ranked = sorted(processes, key=lambda one: (one.rhythm != NIGHTLY, one.workflow_id in taken))
    if len(ranked) < 2:
        raise InputError("schedule_collision: the fleet has one workflow, expected two or more")
    return {
        "workflow_ids": tuple(process.workflow_id for process in ranked[:2]),
        "onset_day": float(int(0.6 * world.days)),
    }


def _busy_hours(world: World, process: Process, rng: np.random.Generator) -> dict[str, float]:
    """The four busiest hours of a working day in the last quarter, if one is to be had."""
    days = world.here.days
    later = [*range(int(0.75 * world.days), world.days), *range(int(0.75 * world.days) - 1, -1, -1)]
    least = 0.8 * max(process.rhythm.weekdays)
    working = [
        day
        for day in later
        if (on := days[min(day, len(days) - 1)]) not in world.closed and process.rhythm.weekdays[on.weekday()] > least
    ] or later
    ahead = [day for day in working if day >= int(0.75 * world.days)] or working[:1]
    day = ahead[int(rng.integers(len(ahead)))] if len(ahead) > 1 else ahead[0]
    begins_us = int(world.here.hours_us[min(day, len(days) - 1), process.rhythm.busiest(4)]) - world.start_us
    onset = min(max(0.0, begins_us / DAY_US), world.days - HOUR_US / DAY_US)
    return {"onset_day": onset, "until_day": onset + 4 / 24}
