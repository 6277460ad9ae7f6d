"""How a piece of a bot's work ended: its status, its message and its traceback, whatever was raised."""

from __future__ import annotations

import sys

__all__ = ["said_of", "status_of", "text_of"]


def text_of(value: object) -> str:
    """A value as text, also where its own `__str__` raises.

    Examples
    --------
    >>> text_of(5)
    '5'
    """
    if type(value) is str:
        return value
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a foreign object may raise anything
        return f"<{type(value).__name__}>"


def status_of(error: BaseException | None, *, interrupted: str) -> str:
    """The status of work that ended with this exception, or none.

    Parameters
    ----------
    error : exception, optional
        What was raised.
    interrupted : str
        The status where somebody stopped the work, rather than that it failed.

    Returns
    -------
    str

    Examples
    --------
    >>> status_of(KeyboardInterrupt(), interrupted="cancelled"), status_of(SystemExit(0), interrupted="cancelled")
    ('cancelled', 'completed')
    """
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return "completed"
    asyncio = sys.modules.get("asyncio")  # where it was never imported, nothing of it was raised
    stopped = (KeyboardInterrupt, GeneratorExit, *((asyncio.CancelledError,) if asyncio else ()))
    return interrupted if isinstance(error, stopped) else "failed"


def said_of(error: BaseException) -> tuple[str, str]:
    """The exception in one line, and its traceback.

    Examples
    --------
    >>> said_of(ValueError("no such invoice"))[0]
    'ValueError: no such invoice'
    """
    import traceback  # only where something failed: it takes a tenth of the time of importing all the rest

    try:
        message = "".join(traceback.format_exception_only(error)).strip()
        return message, "".join(traceback.format_exception(error)).strip()
    except Exception:  # noqa: BLE001 - an exception's own __str__ may raise
        return type(error).__name__, type(error).__name__
