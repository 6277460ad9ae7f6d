#!/usr/bin/env python3
"""Writes `docs/schema.md`, the page that describes every column, from `rpa_lab/schema.py`."""

from __future__ import annotations

from pathlib import Path

from rpa_lab.schema import SCHEMA_VERSION, TABLES, Column, Table

PAGE = Path(__file__).with_name("schema.md")

_HEAD = f"""\
# Tables and columns

<!-- Made by `make docs` from rpa_lab/schema.py; a test holds the two together. -->

Schema version {SCHEMA_VERSION}. Times are UTC, durations milliseconds. Files are partitioned by UTC day,
`<store>/<table>/day=YYYY-MM-DD/`. Columns whose name begins with an underscore are the store's own: files have them,
results don't. Text longer than its limit is cut and marked. Columns are only ever added, at a table's end, nullable.
A metric is named `table.column`; on executions the column alone will do.
"""


def page() -> str:
    """The whole page, as Markdown.

    Examples
    --------
    >>> page().splitlines()[0]
    '# Tables and columns'
    """
    return "\n".join([_HEAD, *(_section(table) for table in TABLES.values())])


def _section(table: Table) -> str:
    first, *others = (f"`{name}`" for name in table.day_of)
    facts = [
        f"A row is {table.row}.",
        f"Its id is `{table.key}`." if table.key else "It has no id.",
        f"Its day is that of {first}" + "".join(f", else of {other}" for other in others) + ".",
    ]
    lines = [f"## {table.name}", "", *facts, "", "| column | type | null | limit | meaning |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(_line(column) for column in table.columns), ""])


def _line(column: Column) -> str:
    limit = f"{column.limit:,}" if column.limit else ""
    null = "yes" if column.nullable else "never"
    return f"| `{column.name}` | {column.arrow_type} ({column.kind}) | {null} | {limit} | {column.doc} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
