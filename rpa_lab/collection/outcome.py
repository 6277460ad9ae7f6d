"""How a piece of a bot's work ended: its status, its message and its traceback, whatever was raised."""

from __future__ import annotations

import sys
from types import FrameType

__all__ = ["is_of_signal", "said_of", "status_of", "text_of"]


def is_of_signal(error: BaseException) -> bool:
    """Whether an exception was raised by a signal handler: a watchdog's is the bot's, whatever it interrupted.

    A handler is told by the frame that it interrupted, which is the last of its arguments.
    """
    trace = error.__traceback__
    while trace is not None:
        code, values = trace.tb_frame.f_code, trace.tb_frame.f_locals
        for name in code.co_varnames[: code.co_argcount + bool(code.co_flags & 0x04)]:
            value = values.get(name)
            if isinstance(value, FrameType) or (type(value) is tuple and value and isinstance(value[-1], FrameType)):
                return True
        trace = trace.tb_next
    return False


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
    except BaseException as error:  # a foreign object may raise anything
        if isinstance(error, KeyboardInterrupt | SystemExit) or is_of_signal(error):
            raise
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
    try:
        import traceback  # only where something failed: it takes a tenth of the time of importing all the rest

        message = "".join(traceback.format_exception_only(error)).strip()
        return message, "".join(traceback.format_exception(error)).strip()
    except Exception:  # noqa: BLE001 - an exception's own __str__ may raise, and at the end nothing can be imported
        return type(error).__name__, type(error).__name__
