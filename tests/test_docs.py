"""The examples in docs/recording.md run as they stand, each as a script of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rpa_lab import TimeSeriesStore

PAGE = Path(__file__).parent.parent / "docs" / "recording.md"
HEADING_AND_CODE = re.compile(r"^## (.+?)$|^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _examples() -> dict[str, str]:
    """The code blocks by the heading that they stand under; one that makes no collector goes on with the one before."""
    found: dict[str, str] = {}
    heading = ""
    for match in HEADING_AND_CODE.finditer(PAGE.read_text()):
        heading = match[1] or heading
        if match[2]:
            found[heading] = found.get(heading, "") + match[2]
    return found


EXAMPLES = _examples()


def test_the_page_shows_each_way_to_record() -> None:
    assert list(EXAMPLES) == [
        "Plain Python",
        "A bot that heals itself",
        "Decorators",
        "asyncio and threads",
        "Processes",
        "CPU, memory and GPU",
        "Secrets",
    ]


@pytest.mark.parametrize(
    ("heading", "executions", "steps"),
    [
        ("Plain Python", 2, 3),
        ("A bot that heals itself", 1, 1),
        ("Decorators", 1, 3),
        ("asyncio and threads", 10, 20),
        ("Processes", 10, 0),
        ("CPU, memory and GPU", 1, 0),
        ("Secrets", 0, 0),
    ],
)
def test_an_example_records_what_it_shows(tmp_path: Path, heading: str, executions: int, steps: int) -> None:
    (tmp_path / "bot.py").write_text(EXAMPLES[heading])
    done = subprocess.run([sys.executable, "bot.py"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    store = TimeSeriesStore(tmp_path / "data" / "store")
    assert store.read("executions").height == executions
    assert store.read("steps").height == steps
    if heading == "A bot that heals itself":
        assert done.stdout == "['recovered']\n"
        assert store.read("recoveries")["step_id"].to_list() == store.read("steps")["step_id"].to_list()
    if heading == "CPU, memory and GPU":
        assert store.read("resources").height >= 2
