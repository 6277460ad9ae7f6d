"""Who may read a store's files: what the umask leaves of 0640 (folders 0750), unless somebody says otherwise.

A mode that was said is set exactly, whatever the umask; folders have it too, and x wherever it has r: 0660 means 0770.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from rpa_lab.errors import InputError, quote

__all__ = ["FILE_MODE", "FOLDER_MODE", "checked_mode", "folder_mode", "set_mode"]

FILE_MODE: Final = 0o640
FOLDER_MODE: Final = 0o750


def checked_mode(mode: int | None) -> int | None:
    """The mode, if it is one for files that their owner can read and write.

    Parameters
    ----------
    mode : int, optional
        Permission bits, 0 to 0o777; None for the usual ones.

    Returns
    -------
    int or None

    Raises
    ------
    InputError
        If it isn't.

    Examples
    --------
    >>> checked_mode(0o660) == 0o660
    True
    >>> checked_mode(640)
    Traceback (most recent call last):
        ...
    rpa_lab.errors.InputError: mode is 640 (0o1200), expected permissions that let the owner read and write, ...
    """
    if mode is None:
        return None
    if type(mode) is not int or not 0 <= mode <= 0o777 or mode & 0o600 != 0o600:
        said = f"{mode} ({mode:#o})" if type(mode) is int else quote(mode)
        raise InputError(f"mode is {said}, expected permissions that let the owner read and write, such as 0o640")
    return mode


def folder_mode(mode: int) -> int:
    """The mode of a folder whose files have this one: the same, and x wherever there is r.

    Examples
    --------
    >>> oct(folder_mode(0o640))
    '0o750'
    """
    return mode | (mode & 0o444) >> 2


def set_mode(path: Path, mode: int | None) -> None:
    """Give a file or folder exactly this mode; None leaves what the umask made of the usual one."""
    if mode is not None:
        os.chmod(path, mode)  # noqa: PTH101 - one name for each call, as strace shows it
