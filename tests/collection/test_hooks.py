from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from rpa_lab import MetricsCollector, TimeSeriesStore


class RuleBroken(Exception):  # noqa: N818
    """The case breaks a rule of the business."""


@pytest.fixture
def collector(root: Path) -> Iterator[MetricsCollector]:
    with MetricsCollector(root, flush_interval_sec=3600, business_exceptions=(RuleBroken,)) as collector:
        yield collector


def runs(collector: MetricsCollector) -> list[dict[str, Any]]:
    assert collector.flush()
    return TimeSeriesStore(collector.store).read("executions").to_dicts()


def steps(collector: MetricsCollector) -> list[dict[str, Any]]:
    assert collector.flush()
    return TimeSeriesStore(collector.store).read("steps").sort("step_index").to_dicts()


def test_a_block_is_an_execution_and_its_steps_nest(collector: MetricsCollector) -> None:
    with collector.execution("invoices", execution_id="e", context={"a": 1}) as run:
        run.context["b"] = 2
        with run.step("form", action_type="fill"):
            with run.step("field > name", target_element="#name") as step:
                step.confidence_score = 0.9
                step.retry_count += 1
            with collector.step("submit"):
                pass
        with run.step("close") as step:
            step.status = "skipped"

    run_row = runs(collector)[0]
    assert (run_row["status"], run_row["steps_total"], run_row["steps_completed"]) == ("completed", 4, 3)
    assert (run_row["context"], run_row["end_context"]) == ('{"a": 1}', '{"b": 2}')
    rows = {row["node_id"]: row for row in steps(collector)}
    assert list(rows) == ["form > field \\> name", "form > submit", "form", "close"]
    assert rows["form"]["action_type"] == "fill"
    field = rows["form > field \\> name"]
    assert (field["target_element"], field["confidence_score"], field["retry_count"]) == ("#name", 0.9, 1)
    assert rows["close"]["status"] == "skipped"
    assert rows["form"]["duration_ms"] >= field["duration_ms"] + rows["form > submit"]["duration_ms"] - 0.002


def test_an_exception_is_recorded_and_goes_on_unchanged(collector: MetricsCollector) -> None:
    error = ValueError("no such invoice; password=hunter2")
    with (
        pytest.raises(ValueError, match="no such invoice") as caught,
        collector.execution("w") as run,
        run.step("find"),
    ):
        raise error

    assert caught.value is error
    row = runs(collector)[0]
    assert (row["status"], row["exception_kind"]) == ("failed", "application")
    assert row["error_message"] == "ValueError: no such invoice; password=[redacted]"
    assert "Traceback" in row["error_details"]
    assert "test_hooks.py" in row["error_details"]
    step = steps(collector)[0]
    assert step["status"] == "failed"
    assert "ValueError: no such invoice" in step["error_details"]
    assert "hunter2" not in str(row) + str(step)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (RuleBroken("total differs"), "failed", "business"),
        (KeyboardInterrupt(), "cancelled", "application"),
        (asyncio.CancelledError(), "cancelled", "application"),
        (SystemExit(0), "completed", None),
        (SystemExit(2), "failed", "application"),
    ],
)
def test_how_a_run_ends_by_how_it_is_left(
    collector: MetricsCollector, error: BaseException, status: str, kind: str | None
) -> None:
    with pytest.raises(type(error)), collector.execution("w"):
        raise error

    row = runs(collector)[0]
    assert (row["status"], row["exception_kind"]) == (status, kind)


def test_an_exception_that_cannot_say_itself_is_still_recorded(collector: MetricsCollector) -> None:
    class Mute(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise RuntimeError("mute")

    with pytest.raises(Mute), collector.execution("w"):
        raise Mute

    row = runs(collector)[0]
    assert row["status"] == "failed"
    assert "Mute" in row["error_message"]


def test_each_call_of_a_decorated_function_is_an_execution(collector: MetricsCollector) -> None:
    @collector.step("double", action_type="compute")
    def double(x: int) -> int:
        return 2 * x

    @collector.execution("deco")
    def job(x: int, *, more: int = 0) -> int:
        """Says what it does."""
        return double(x) + more

    assert [job(1), job(2, more=1)] == [2, 5]
    assert job.__name__ == "job"
    assert job.__doc__ == "Says what it does."
    assert len({row["execution_id"] for row in runs(collector)}) == 2
    assert [row["node_id"] for row in steps(collector)] == ["double"] * 2


def test_tasks_and_threads_each_see_their_own_execution(collector: MetricsCollector) -> None:
    @collector.execution("task")
    async def task(number: int) -> None:
        with collector.step(f"outer {number}"):
            await asyncio.sleep(0.001)
            with collector.step("inner"):
                await asyncio.sleep(0.001)

    async def all_at_once() -> None:
        await asyncio.gather(*(task(number) for number in range(5)))

    asyncio.run(all_at_once())

    def thread() -> None:
        with collector.execution("thread"), collector.step("alone"):
            pass

    with collector.execution("main"):
        other = threading.Thread(target=thread)
        other.start()
        other.join()

    nodes = {row["node_id"] for row in steps(collector)}
    assert nodes == {"alone"} | {f"outer {n}" for n in range(5)} | {f"outer {n} > inner" for n in range(5)}
    assert all(row["steps_total"] == 2 for row in runs(collector) if row["workflow_id"] == "task")


def test_a_generator_that_is_closed_elsewhere_does_no_harm(collector: MetricsCollector) -> None:
    def job() -> Generator[int, None, None]:
        with collector.execution("generator"):
            yield 1
            yield 2

    import contextvars

    going = job()
    contextvars.copy_context().run(next, going)
    going.close()

    assert runs(collector)[0]["status"] == "cancelled"


def test_asyncio_is_not_imported_for_a_bot_that_has_none() -> None:
    import subprocess

    code = "import sys, rpa_lab.collection.collector; print('asyncio' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


def test_a_block_that_is_entered_again_is_another_run(collector: MetricsCollector) -> None:
    again = collector.execution("w")
    for _ in range(3):
        with again as run, run.step("s"):
            run.context["seen"] = True

    assert len({row["execution_id"] for row in runs(collector)}) == 3
    assert len({row["step_id"] for row in steps(collector)}) == 3


def test_a_decorated_generator_is_open_until_it_ends(collector: MetricsCollector) -> None:
    @collector.execution("generator")
    def job() -> Generator[int, None, str]:
        with collector.step("inside"):
            yield 1
        yield 2
        return "result"

    assert list(job()) == [1, 2]
    assert [row["node_id"] for row in steps(collector)] == ["inside"]
    assert runs(collector)[0]["steps_total"] == 1

    async def endless() -> Any:
        yield 1

    with pytest.raises(TypeError, match="asynchronous generator"):
        collector.execution("w")(endless)
