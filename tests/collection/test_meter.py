from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest

from rpa_lab.collection.gpu import GpuUse
from rpa_lab.collection.meter import HostUse, Meter, Reading, sample
from rpa_lab.collection.process_tree import TreeUse


def reading(
    at_s: float,
    *,
    cpu_s: float = 0.0,
    memory_bytes: int = 0,
    disk_bytes: int | None = 0,
    host: HostUse | None = None,
    gpu: GpuUse = GpuUse(None, None),  # noqa: B008 - a tuple
) -> Reading:
    tree = TreeUse(cpu_s=cpu_s, memory_bytes=memory_bytes, disk_bytes=disk_bytes, processes=1)
    return Reading(at_s=at_s, at_ms=1_793_700_000_000 + round(at_s * 1000), tree=tree, host=host, gpu=gpu)


def test_a_sample_has_the_later_readings_levels_and_what_the_counts_grew_by() -> None:
    since = reading(
        10.0, cpu_s=3.0, memory_bytes=1, disk_bytes=1_000_000, host=HostUse(busy_s=5, total_s=10, memory_bytes=1)
    )
    until = reading(
        12.0,
        cpu_s=3.5,
        memory_bytes=123_456_789,
        disk_bytes=3_504_096,
        host=HostUse(busy_s=6, total_s=14, memory_bytes=8_000_400_000),
        gpu=GpuUse(12.25, 2_000_700_000),
    )
    got = sample(since, until)

    assert got.timestamp == datetime(2026, 11, 3, 10, 0, 12, tzinfo=UTC)
    assert (got.cpu_percent, got.memory_mb, got.disk_io_mb) == (25.0, 123.5, 2.504)
    assert (got.host_cpu_percent, got.host_memory_mb) == (25.0, 8000.0)
    assert (got.gpu_utilization, got.gpu_memory_mb) == (12.2, 2001.0)
    assert (got.execution_id, got.workflow_id, got.shared_by) == (None, None, None)


def test_a_starts_sample_has_the_levels_of_the_start() -> None:
    since, until = reading(1.0, memory_bytes=5_000_000), reading(1.5, cpu_s=0.5, memory_bytes=9_000_000)
    got = sample(since, until, levels=since)

    assert (got.timestamp.microsecond, got.memory_mb, got.cpu_percent) == (0, 5.0, 100.0)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ({"cpu_s": 2.0}, {"cpu_s": 1.0}, {"cpu_percent": 0.0}),
        ({"cpu_s": 0.0}, {"cpu_s": 1e9}, {"cpu_percent": 100.0 * (os.cpu_count() or 1)}),
        ({"disk_bytes": 9}, {"disk_bytes": 3}, {"disk_io_mb": 0.0}),
        ({"disk_bytes": None}, {"disk_bytes": 3}, {"disk_io_mb": None}),
        ({"disk_bytes": 3}, {"disk_bytes": None}, {"disk_io_mb": None}),
        (
            {},
            {"host": HostUse(busy_s=1, total_s=2, memory_bytes=3_000_000)},
            {"host_cpu_percent": None, "host_memory_mb": 3.0},
        ),
        (
            {"host": HostUse(busy_s=1, total_s=2, memory_bytes=0)},
            {"host": HostUse(busy_s=1, total_s=2, memory_bytes=0)},
            {"host_cpu_percent": None},
        ),
        ({}, {"gpu": GpuUse(None, 1_000_000)}, {"gpu_utilization": None, "gpu_memory_mb": 1.0}),
        ({}, {}, {"gpu_utilization": None, "gpu_memory_mb": None, "host_cpu_percent": None, "host_memory_mb": None}),
    ],
)
def test_what_is_unknown_is_null_and_no_count_falls(
    since: dict[str, Any], until: dict[str, Any], expected: dict[str, Any]
) -> None:
    got = sample(reading(1.0, **since), reading(2.0, **until))
    assert {name: getattr(got, name) for name in expected} == expected


def test_an_interval_of_no_length_is_no_error() -> None:
    assert sample(reading(1.0, cpu_s=1.0), reading(1.0, cpu_s=2.0)).cpu_percent == 0.0


def test_the_host_is_as_psutil_sees_it() -> None:
    meter = Meter()
    since = meter.read()
    psutil.cpu_percent()
    until_s = time.monotonic() + 0.5
    while time.monotonic() < until_s:
        pass
    until, expected = meter.read(), psutil.cpu_percent()
    memory = psutil.virtual_memory()
    got = sample(since, until)

    assert got.host_cpu_percent == pytest.approx(expected, abs=10)
    assert got.host_cpu_percent is not None
    assert got.host_cpu_percent > 100 / (os.cpu_count() or 1) / 2  # this loop alone kept one core busy
    assert got.host_memory_mb == pytest.approx((memory.total - memory.available) / 1e6, rel=0.1)
    assert got.memory_mb == pytest.approx(psutil.Process().memory_info().rss / 1e6, rel=0.5)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count no guests")
def test_guests_count_once_and_waiting_for_a_disk_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    meter, times = Meter(), psutil.cpu_times()
    zero = times._replace(**dict.fromkeys(times._fields, 0.0))
    monkeypatch.setattr(psutil, "cpu_times", lambda: zero)
    since = meter.read()
    monkeypatch.setattr(
        psutil, "cpu_times", lambda: zero._replace(user=30.0, guest=10.0, system=10.0, iowait=10.0, idle=50.0)
    )

    assert sample(since, meter.read()).host_cpu_percent == 40.0


def test_a_host_that_is_hidden_takes_nothing_along(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Any:
        raise PermissionError(13, "Permission denied", "/proc/stat")

    monkeypatch.setattr(psutil, "cpu_times", refuse)
    meter = Meter()
    got = sample(meter.read(), meter.read())

    assert (got.host_cpu_percent, got.host_memory_mb) == (None, None)
    assert got.memory_mb > 1
