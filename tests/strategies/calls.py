"""What a bot calls, in which order: sessions."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.sessions import Call, Kind
from tests.strategies.records import RESULTS
from tests.strategies.times import moments
from tests.strategies.values import rarely, words

__all__ = ["sessions"]


@st.composite
def sessions(draw: st.DrawFn) -> list[Call]:
    """What a bot says: up to four executions whose calls come in any order that each of them allows, and flushes."""
    queues = [draw(_run_calls(run)) for run in range(draw(st.integers(1, 4)))]
    calls: list[Call] = []
    while any(queues):
        run = draw(st.sampled_from([number for number, queue in enumerate(queues) if queue]))
        calls.append(queues[run].pop(0))
        if draw(rarely()):
            calls.append(Call("flush"))
    return calls


@st.composite
def _run_calls(draw: st.DrawFn, run: int) -> list[Call]:
    calls = [Call("start", run, {"workflow_id": draw(words()), "context": draw(_harmless())})]
    calls += [draw(_step_call(run)) for _ in range(draw(st.integers(0, 4)))]
    for _ in range(draw(st.sampled_from([1, 1, 1, 1, 0, 2]))):
        status = draw(st.sampled_from(RESULTS))
        failed = status == "failed"
        said: dict[str, Any] = {"status": status, "context": draw(_harmless())}
        for name in ("error_message", "error_details"):
            said[name] = draw(words()) if failed else None
        calls.append(Call("end", run, said))
    return calls


@st.composite
def _step_call(draw: st.DrawFn, run: int) -> Call:
    kind: Kind = draw(st.sampled_from(("step", "record", "block")))
    status = draw(st.sampled_from(["completed", "failed", "skipped"]))
    said: dict[str, Any] = {
        "node_id": draw(st.sampled_from(["open browser", "submit", "close", "Überweisung"])),
        "action_type": draw(st.sampled_from(["click", "type", "http_get"])),
        "target_element": draw(st.none() | st.sampled_from(["#go", "https://example.org/?q=1", "x" * 400])),
        "status": status,
        "error_details": draw(words()) if status == "failed" else None,
    }
    if kind == "record" or (kind == "step" and draw(st.booleans())):
        said["started_at"] = draw(moments())
    return Call(kind, run, said)


def _harmless() -> st.SearchStrategy[dict[str, Any]]:
    """Objects whose keys are no names of secrets."""
    return st.dictionaries(st.sampled_from(["batch", "customer", "größe"]), st.none() | st.integers(-9, 9) | words())
