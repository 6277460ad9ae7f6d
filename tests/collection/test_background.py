from __future__ import annotations

import threading
from pathlib import Path

import pytest

from rpa_lab.collection.background import Background
from rpa_lab.collection.buffer import Buffer
from rpa_lab.collection.flusher import Flusher
from tests.collection.said import rows, start


@pytest.fixture
def background(buffer: Buffer, flusher: Flusher) -> Background:
    return Background(buffer, flusher, interval_s=3600)


def test_while_the_disk_refuses_the_pauses_double_up_to_a_minute(
    background: Background, buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    done = threading.Event()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    def rest(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 9:
            background._stopped = True
            done.set()

    monkeypatch.setattr(background.flusher, "flush", refuse)
    monkeypatch.setattr(background, "_rest", rest)
    background.start()
    background.wake()

    assert done.wait(30)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_thread_starts_once_and_flushes_when_it_is_woken(
    root: Path, background: Background, buffer: Buffer
) -> None:
    assert background.thread is None
    background.start()
    thread = background.thread
    background.start()
    assert thread is background.thread
    assert thread is not None
    assert thread.daemon

    written = threading.Event()
    real = background.flusher.flush

    def flush(buffer: Buffer, *, final: bool = False) -> None:
        real(buffer, final=final)
        written.set()

    background.flusher.flush = flush
    buffer.add(start("e"), vital=True)
    background.wake()
    background.wake()
    assert written.wait(30)
    assert rows(root, "executions").height == 1
    assert background.close(timeout=30)
    thread.join(timeout=30)
    assert not thread.is_alive()


def test_while_it_is_paused_others_wait(background: Background, buffer: Buffer) -> None:
    buffer.add(start("e"), vital=True)
    said: list[bool] = []
    assert background.pause(timeout=1)
    other = threading.Thread(target=lambda: said.append(background.flush(timeout=0.05)))
    other.start()
    other.join(timeout=30)
    assert said == [False]
    assert len(buffer) == 1
    background.resume()
    assert background.flush(timeout=1)
    assert len(buffer) == 0


def test_an_end_that_waits_in_vain_says_so(background: Background, buffer: Buffer) -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        assert background.pause(timeout=1)
        held.set()
        assert release.wait(30)
        background.resume()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(30)
    buffer.add(start("e"), vital=True)
    assert background.close(timeout=0.05) is None
    release.set()
    holder.join(timeout=30)

    assert background.close(timeout=30) is True
    assert background.flusher.written == 1
