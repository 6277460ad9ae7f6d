from __future__ import annotations

from pathlib import Path

import pytest

from rpa_lab.collection.buffer import Buffer
from rpa_lab.collection.flusher import Flusher


@pytest.fixture
def buffer() -> Buffer:
    return Buffer(max_rows=1000, max_bytes=10**8)


@pytest.fixture
def flusher(root: Path) -> Flusher:
    return Flusher(root, robot_id="robot", host="vm")
