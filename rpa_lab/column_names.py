"""What the name of a field or a column says: in which unit its values are, what bounds them, how it reads.

A name says the unit: ``…_ms`` is a duration, ``…_rate`` and ``…_percent`` are percent 0-100, ``share``, ``…_share`` and
``level`` fractions 0-1, ``…_period`` a stretch of time; ``…_low`` and ``…_high`` are bounds in the unit of what they
bound.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

__all__ = ["bounds_of", "heading", "unit_of"]

_SUFFIXES: Final = ("_ms", "_rate", "_share", "_percent")


def heading(name: str, beside: Collection[str] = ()) -> str:
    """A field's or a column's name in words, without the unit that its values are said with.

    Examples
    --------
    >>> heading("p95_duration_ms"), heading("workflow_id"), heading("unrestored_ms", ["unrestored"])
    ('p95 duration', 'workflow id', 'unrestored time')
    """
    bare = name.replace("_ms_", "_").removesuffix("_ms")
    return (f"{bare}_time" if bare != name and bare in beside else bare).replace("_", " ")


def unit_of(name: str, beside: Collection[str] = ()) -> str:
    """In which unit the values of a field or a column are.

    Parameters
    ----------
    name : str
        Its name.
    beside : collection of str
        The names of those beside it: what a bound bounds is one of these.

    Returns
    -------
    str
        ms, percent, fraction, level (a fraction too), weekday, hour_of_week, or empty.

    Examples
    --------
    >>> unit_of("mean_ms_low"), unit_of("low", ["kept_percent", "low", "high"]), unit_of("n_success_rate")
    ('ms', 'percent', '')
    """
    if name in ("weekday", "hour_of_week", "level"):
        return name
    if name.startswith("n_"):
        return ""
    of = next((one for one in beside if name in bounds_of(one, beside)[:2]), None)
    base = of or name.removesuffix("_low").removesuffix("_high")
    if base.endswith("_ms"):
        return "ms"
    promised = base == "share" and "kept_percent" in beside  # a target is set in percent
    if promised or base in ("percent", "utilisation") or base.endswith(("_percent", "_rate")):
        return "percent"
    return "fraction" if base == "share" or base.endswith("_share") else ""


def bounds_of(name: str, beside: Collection[str]) -> tuple[str, ...]:
    """Which fields or columns hold the bounds of one, and which says on what these rest.

    Parameters
    ----------
    name : str
        Of what is bounded.
    beside : collection of str
        The names of those beside it.

    Returns
    -------
    tuple of str
        Lower and upper bound, and the basis where one says it; empty where it has no bounds.

    Examples
    --------
    >>> bounds_of("success_rate", ["success_rate", "success_low", "success_high", "success_basis"])
    ('success_low', 'success_high', 'success_basis')
    >>> bounds_of("mtbf_ms", ["mtbf_ms", "mtbf_low_ms", "mtbf_high_ms"])
    ('mtbf_low_ms', 'mtbf_high_ms')
    >>> bounds_of("change_percent", ["change_ms", "change_percent", "change_low_ms", "change_high_ms"])
    ()
    """
    unit = next((one for one in _SUFFIXES if name.endswith(one)), "")
    bare = name.removesuffix(unit)
    ends = [(stem, f"{stem}_low{of}", f"{stem}_high{of}") for stem in (name, bare) for of in ("", unit)]
    if name in ("value", "kept_percent"):
        ends.append(("", "low", "high"))
    if bare == "change" and unit:
        ends.append(("", f"low{unit}", f"high{unit}"))
    for stem, low, high in ends:
        if low in beside and high in beside:
            bases = (f"{stem}_basis", f"{name}_basis") if stem else ("basis",)
            return (low, high, *[basis for basis in bases if basis in beside][:1])
    return ()
