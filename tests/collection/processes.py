"""Code that runs in a Python process of its own, which may end as it likes."""

from __future__ import annotations

import subprocess
import sys
import textwrap

__all__ = ["run_python"]


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the code with ``sys.argv[1:]`` as given; the process as it ended."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
