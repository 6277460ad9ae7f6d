"""Starts and completions in logs of events."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tests.oracles.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["joined_lifecycle"]


def joined_lifecycle(events: Iterable[Row]) -> tuple[list[tuple[Row | None, Row]], int]:
    """Each completion with the start that it completes, and how many starts nothing completes.

    Events have case, activity, instance, lifecycle ("start" or "complete") and end, their time; of one time the starts
    come first. A queue for each case, activity and instance.
    """
    open_starts: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    pairs: list[tuple[Row | None, Row]] = []
    for event in sorted(events, key=lambda event: (event["end"], event["lifecycle"] != "start", event["row"])):
        queue = open_starts[event["case"], event["activity"], event["instance"]]
        if event["lifecycle"] == "start":
            queue.append(event)
        else:
            pairs.append((queue.pop(0) if queue else None, event))
    return pairs, sum(map(len, open_starts.values()))
