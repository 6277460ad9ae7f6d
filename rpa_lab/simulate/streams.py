"""Randomness by name: each thing that is drawn has its own stream, so that drawing more of one shifts no other."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

__all__ = ["digest", "stream"]


def digest(said: object, *, digits: int) -> str:
    """Hex digits of a BLAKE2b over the `repr` of a value.

    Parameters
    ----------
    said : object
        Something whose `repr` is its content: numbers, strings, dates, frozen dataclasses, tuples of these.
    digits : int
        How many, 1 to 128.

    Returns
    -------
    str

    Examples
    --------
    >>> digest((0, "order_entry"), digits=8)
    '98d52294'
    """
    return blake2b(repr(said).encode()).hexdigest()[:digits]


def stream(seed: int, name: str) -> np.random.Generator:
    """The generator for one thing that is to be drawn.

    Parameters
    ----------
    seed : int
        The fleet's seed.
    name : str
        What it is for: ``"order_entry arrivals"``.

    Returns
    -------
    numpy.random.Generator
        The same for the same arguments, independent of that for any others.

    Examples
    --------
    >>> bool(stream(0, "a").integers(10**9) == stream(0, "a").integers(10**9))
    True
    >>> bool(stream(0, "a").integers(10**9) == stream(0, "b").integers(10**9))
    False
    """
    entropy = int(digest((seed, name), digits=32), 16)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))
