"""Keywords for `invoices.robot`: plain Python functions in a class, which is all that Robot Framework needs.

Robot Framework makes a keyword of each public method: `check_total` becomes ``Check Total``. A keyword fails by raising
an exception, whose message is what the report shows as the reason.
"""

from __future__ import annotations

import csv
import time
from decimal import Decimal, InvalidOperation
from pathlib import Path

Invoice = dict[str, str]


class BusinessError(Exception):
    """The robot works, but the case breaks a rule: a person has to look at it, a retry won't help."""

    ROBOT_SUPPRESS_NAME = True  # the message says it all: no "BusinessError: " in front of it


class BusyError(Exception):
    """The other side has no time just now: worth a retry."""


class InvoiceLibrary:
    """Reads, checks and books invoices. The "booking system" is a CSV file and some waiting."""

    ROBOT_LIBRARY_SCOPE = "SUITE"  # one instance for all tasks of the suite, so that it can remember what was booked

    def __init__(self) -> None:
        self._booked: list[Invoice] = []
        self._refusals = 2  # how often the rate service says that it is busy

    def read_invoices(self, path: str) -> list[Invoice]:
        """All invoices of a CSV file, one dictionary each."""
        with Path(path).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def select_invoices(self, invoices: list[Invoice], supplier: str) -> list[Invoice]:
        """Those of some invoices that came from one supplier."""
        return [invoice for invoice in invoices if invoice["supplier"] == supplier]

    def check_fields(self, invoice: Invoice) -> None:
        """Fail if something is missing from an invoice."""
        time.sleep(0.01)
        missing = [name for name, value in invoice.items() if not value]
        if missing:
            raise BusinessError(f"invoice {invoice['number']} has no {', '.join(missing)}")

    def check_total(self, invoice: Invoice) -> None:
        """Fail if the lines of an invoice don't add up to its total."""
        time.sleep(0.01 * invoice["lines"].count("x"))
        lines = sum((_amount(line) for line in invoice["lines"].split(";")), Decimal(0))
        if lines != Decimal(invoice["total"]):
            raise BusinessError(
                f"invoice {invoice['number']} of {invoice['supplier']}: the lines add up to {lines:.2f} "
                f"{invoice['currency']}, but the total says {invoice['total']}"
            )

    def look_up_supplier(self, name: str) -> str:
        """The account number of a supplier; the time that it takes is that of a slow search form."""
        time.sleep(0.1 + 0.01 * len(name))
        return f"7{sum(map(ord, name)) % 10_000:04d}"

    def fetch_exchange_rate(self, currency: str) -> Decimal:
        """What one unit of a currency is in euro. The service is busy at first, as such services are."""
        time.sleep(0.05)
        if self._refusals:
            self._refusals -= 1
            raise BusyError(f"the rate service has no answer for {currency} yet")
        return {"USD": Decimal("0.92"), "CHF": Decimal("1.05")}[currency]

    def book_invoice(self, invoice: Invoice, account: str) -> None:
        """Enter an invoice into the booking system."""
        time.sleep(0.06)
        self._booked.append({**invoice, "account": account})

    def write_bookings(self, path: str) -> int:
        """Write what was booked to a CSV file, and return how many invoices that were."""
        if not self._booked:
            raise BusinessError("nothing was booked, so there is nothing to write")
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(self._booked[0]))
            writer.writeheader()
            writer.writerows(self._booked)
        return len(self._booked)


def _amount(line: str) -> Decimal:
    """What one line of an invoice costs: ``"paper: 3 x 4.50"`` is 13.50."""
    quantity, _, price = line.rpartition(":")[2].partition(" x ")
    try:
        return Decimal(quantity.strip()) * Decimal(price.strip())
    except InvalidOperation:
        raise BusinessError(f"the line {line.strip()!r} can't be read, expected 'item: quantity x price'") from None
