"""Where the notebooks and the sample are, in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

from rpa_lab.errors import ReportError, unknown_name

__all__ = ["bundled"]

_IN_CHECKOUT = {"notebooks": "notebooks", "sample": "data/sample"}
_PACKAGE = Path(__file__).resolve().parents[1]


def bundled(name: str) -> Path:
    """The folder of files that come with the package.

    Parameters
    ----------
    name : str
        ``"notebooks"`` or ``"sample"``.

    Returns
    -------
    Path
        To be read only: in a wheel it lies within the installed package.

    Raises
    ------
    UnknownNameError
        If nothing of that name comes with the package.
    ReportError
        If the installation lacks it.

    Examples
    --------
    >>> bundled("notebooks").joinpath("performance.ipynb").is_file()
    True
    """
    if name not in _IN_CHECKOUT:
        raise unknown_name("the package brings no", name, _IN_CHECKOUT)
    places = (_PACKAGE / "_bundle" / name, _PACKAGE.parent / _IN_CHECKOUT[name])
    for place in places:
        if place.is_dir():
            return place
    raise ReportError(
        f"the {name} that come with rpa_lab are missing (looked in {places[0]} and {places[1]}); reinstall it"
    )
