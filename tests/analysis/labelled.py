"""What libraries and applications say when a run fails, and the category that a person gave it.

`labelled_failures.csv` was written and labelled before there were any rules. Its even rows (`seen`) were used to make
them, its odd rows (`held_out`) to judge them. Messages and rules come from one hand, so that agreement shows that the
rules are consistent, not how much they know of what others write. How the labels were chosen, where two would do:

- an element that is waited for in vain is *element_not_found*; an answer, a page or a program that is, *timeout*;
- a connection that never came about is *network*, however long that took;
- what was handed in and is missing, unreadable or of the wrong form is *data_validation*; what is well-formed and not
  allowed by the business, *business_rule*;
- who somebody is: *authentication*; what somebody may do: *permission*;
- what is used up, full, throttled or held by somebody else is *resource*;
- the program that is automated, the robot's own code and the driver between them broke: *application_error*.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

__all__ = ["held_out", "labelled", "seen"]


def labelled() -> pl.DataFrame:
    """One row per message: message, exception_kind (null where the bot said none), category."""
    table = pl.read_csv(Path(__file__).with_name("labelled_failures.csv"), infer_schema=False)
    return table.with_columns(pl.col("exception_kind").replace("", None))


def seen() -> pl.DataFrame:
    """The half that the rules were made with."""
    return labelled().gather_every(2)


def held_out() -> pl.DataFrame:
    """The half that no rule was changed for."""
    return labelled().gather_every(2, offset=1)
