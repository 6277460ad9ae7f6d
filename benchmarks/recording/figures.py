"""How the parts of the benchmark say what they found: one line a figure, and the goals with their verdicts."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Goal", "heading", "machine", "row", "summary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A figure and the most that it should be. Of an interval `figure` is the upper end and `low` the lower one."""

    what: str
    figure: float
    most: float
    unit: str
    low: float | None = None

    @property
    def held(self) -> bool:
        return self.figure <= self.most

    @property
    def verdict(self) -> str:
        if self.held:
            return "held"
        return "UNDECIDED" if self.low is not None and self.low <= self.most else "MISSED"

    def __str__(self) -> str:
        return f"goal {self.most:g}{self.unit}: {self.verdict}"


def machine() -> str:
    """What this runs on: times depend on it."""
    cpu = platform.processor() or platform.machine()
    about = Path("/proc/cpuinfo")
    if about.exists():
        names = [line.partition(":")[2].strip() for line in about.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    load = f", load {os.getloadavg()[0]:.1f} when it began" if hasattr(os, "getloadavg") else ""
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}{load}"


def heading(text: str, *columns: str) -> None:
    print(f"\n{text}", flush=True)
    if columns:
        row("", *columns)


def row(what: str, *figures: str, goal: Goal | None = None) -> None:
    end = f"   {goal}" if goal else ""
    print(f"  {what:<58}{''.join(f'{figure:>16}' for figure in figures)}{end}".rstrip(), flush=True)


def summary(goals: Iterable[Goal]) -> None:
    goals = list(goals)
    others = [goal for goal in goals if not goal.held]
    heading(f"{len(goals) - len(others)} of {len(goals)} goals held")
    for goal in others:
        row(goal.what, f"{goal.figure:.3g}{goal.unit}", goal=goal)
