"""Settings as the text of an `rpa_lab.toml`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rpa_lab.storage.settings_targets import CompletedBy, Within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpa_lab.storage.settings_calendar import Calendar
    from rpa_lab.storage.settings_targets import SlaTarget


def settings_toml(tz: str, calendar: Calendar | None, targets: Sequence[SlaTarget]) -> str:
    """What says this zone, this calendar and these targets."""
    lines = [f'tz = "{tz}"']
    for target in targets:
        lines += ["[[sla]]", f"name = {_text(target.name)}"]
        if target.workflow_id is not None:
            lines.append(f"workflow = {_text(target.workflow_id)}")
        if isinstance(target.promise, Within):
            lines.append(f'{target.promise.measure} = "{target.promise.limit_ms:.0f}ms"')
        elif isinstance(target.promise, CompletedBy):
            lines.append(f'completed_by = "{target.promise.clock:%H:%M}"')
        else:
            lines.append(f"success_rate = {target.share}")
            continue
        lines.append(f"share = {target.share}")
    if calendar is not None:
        lines += ["[calendar]", f"holidays = [{', '.join(map(str, calendar.holidays))}]"]
        lines += [f'tz = "{calendar.tz}"'] if calendar.tz else []
        lines += ["[calendar.hours]"]
        for day, shifts in zip(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), calendar.shifts, strict=True):
            hours = [f"{_clock(shift.begin)}-{_clock(shift.end)}" for shift in shifts]
            lines += [f"{day} = {json.dumps(hours)}"] if hours else []
    return "\n".join(lines)


def _clock(minute: int) -> str:
    minute = minute if minute <= 1440 else minute - 1440
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
