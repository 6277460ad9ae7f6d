"""Importers that other packages bring, found by the entry points of the group ``rpa_lab.importers``.

A package that has, in its ``pyproject.toml``, ::

    [project.entry-points."rpa_lab.importers"]
    tickets = "helpdesk_import:Tickets"

adds the command ``rpa-lab import tickets FILE…``. What the entry point names is called without arguments and gives an
`Importer` (`rpa_lab.integrations.source`), or is one. Nothing of a package is loaded before its importer is used.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Final

from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.integrations.source import Importer

__all__ = ["GROUP", "load", "origin", "third_party"]

GROUP: Final = "rpa_lab.importers"

_NEEDS: Final = ("name", "version", "options", "parse")


def third_party() -> dict[str, EntryPoint]:
    """The importers of installed packages, by name.

    Returns
    -------
    dict of str to EntryPoint

    Examples
    --------
    >>> isinstance(third_party(), dict)
    True
    """
    return {found.name: found for found in sorted(entry_points(group=GROUP), key=lambda found: found.name)}


def origin(found: EntryPoint) -> str:
    """The package that an entry point comes from, and its version."""
    return f"{found.dist.name} {found.dist.version}" if found.dist else found.value


def load(name: str) -> Importer:
    """The importer of that name.

    Parameters
    ----------
    name : str
        That of its entry point.

    Returns
    -------
    Importer

    Raises
    ------
    UnknownNameError
        If no installed package has it.
    InputError
        If it can't be loaded, or isn't shaped like an importer.
    """
    known = third_party()
    if name not in known:
        raise unknown_name(f"no installed package has an importer (entry point of {GROUP})", name, known)
    found = known[name]
    try:
        said = found.load()
        importer = said() if isinstance(said, type) or not hasattr(said, "parse") else said
    except Exception as mistake:  # it is another's code, which may raise anything
        why = f"{type(mistake).__name__}: {mistake}".partition("\n")[0]
        raise InputError(f"the importer {quote(name)} of {origin(found)} can't be loaded: {why[:300]}") from mistake
    missing = [need for need in _NEEDS if not hasattr(importer, need)]
    if missing:
        raise InputError(
            f"the importer {quote(name)} of {origin(found)} has no {' and no '.join(missing)}; "
            "expected an Importer as rpa_lab.integrations.source describes it"
        )
    return importer  # type: ignore[no-any-return]
