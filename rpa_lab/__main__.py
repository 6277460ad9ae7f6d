"""`python -m rpa_lab` is `rpa-lab`."""

from __future__ import annotations

from rpa_lab.cli import main

if __name__ == "__main__":
    main()
