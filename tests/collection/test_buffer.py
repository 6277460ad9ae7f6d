from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.collection.buffer import Buffer


@given(st.lists(st.tuples(st.integers(0, 3_000), st.booleans(), st.booleans()), max_size=60))
def test_recorded_is_drained_waiting_or_dropped_at_any_moment(calls: list[tuple[int, bool, bool]]) -> None:
    buffer, drained = Buffer(max_rows=10, max_bytes=20_000), 0
    for texts, vital, drain in calls:
        buffer.add(("step", None), texts=texts, vital=vital)
        if drain:
            drained += len(buffer.drain(1000))
            buffer.release()
        assert buffer.recorded == drained + len(buffer) + sum(buffer.dropped.values())
        assert len(buffer) <= 10


def test_records_come_out_in_the_order_in_which_they_went_in() -> None:
    buffer = Buffer(max_rows=100, max_bytes=10**6)
    for n in range(50):
        buffer.add(("step", n))

    assert [n for _, n in buffer.drain(10**6)] == list(range(50))
    assert len(buffer) == 0


def test_a_tenth_of_the_room_is_kept_for_how_runs_end() -> None:
    buffer = Buffer(max_rows=100, max_bytes=10**9)
    for _ in range(200):
        buffer.add(("step", None))
    assert len(buffer) == 90

    for _ in range(20):
        buffer.add(("complete", None), vital=True)
    assert len(buffer) == 100
    assert buffer.dropped["queue_full"] == 110 + 10


def test_long_texts_count_by_their_length() -> None:
    buffer = Buffer(max_rows=1000, max_bytes=100_000)
    buffer.add(("step", None), texts=100_001)
    assert buffer.dropped["too_large"] == 1

    for _ in range(10):
        buffer.add(("step", None), texts=20_000)
    assert len(buffer) == 4  # four times 20,900 bytes fit into nine tenths of 100,000
    buffer.drain(10**6)
    buffer.release()
    buffer.add(("step", None), texts=20_000)
    assert len(buffer) == 1


def test_what_comes_after_the_end_is_counted() -> None:
    buffer = Buffer(max_rows=10, max_bytes=10**6)
    buffer.close()
    buffer.add(("step", None))
    buffer.refuse("invalid")
    buffer.count_dropped("flush_failed", 3)

    assert buffer.recorded == 2
    assert {reason: n for reason, n in buffer.dropped.items() if n} == {"closed": 1, "invalid": 1, "flush_failed": 3}


def test_threads_lose_nothing() -> None:
    buffer, drained = Buffer(max_rows=10**6, max_bytes=10**10), 0

    def record() -> None:
        for n in range(5_000):
            buffer.add(("step", n))

    threads = [threading.Thread(target=record) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        drained += len(buffer.drain(10**6))
    for thread in threads:
        thread.join()
    drained += len(buffer.drain(10**6))

    assert drained == buffer.recorded == 40_000
