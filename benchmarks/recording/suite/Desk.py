"""What a robot does at a desk: it waits for screens, and works a little itself. Each keyword takes 50 ms or more."""

from __future__ import annotations

import hashlib
import json
import time
from decimal import Decimal

from robot.api import logger


class Desk:
    ROBOT_LIBRARY_SCOPE = "SUITE"

    def open_invoice(self, number: int) -> str:
        """Wait for the window of an invoice."""
        time.sleep(0.06)
        logger.info(f"invoice {number} is open")
        return f"INV-{number:05d}"

    def read_lines(self, invoice: str) -> str:
        """Wait for the page, and take its lines apart."""
        time.sleep(0.05)
        return json.dumps([{"position": n, "text": f"{invoice} line {n}", "amount": f"{n}.25"} for n in range(1_500)])

    def add_up(self, lines: str) -> str:
        """Work on what was read, and wait for the page to show it."""
        total = sum((Decimal(line["amount"]) for line in json.loads(lines)), Decimal(0))
        logger.info(f"digest of what was read: {hashlib.sha256(lines.encode()).hexdigest()}")
        time.sleep(0.05)
        return str(total)

    def type_amount(self, amount: str) -> None:
        """Type slowly, as remote desktops want it."""
        for _ in amount:
            time.sleep(0.01)

    def save(self, invoice: str) -> None:
        """Wait until the page says that it is saved."""
        time.sleep(0.07)
        logger.info(f"{invoice} is saved")
