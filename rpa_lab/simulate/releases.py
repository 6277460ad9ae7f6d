"""Versions: a workflow is released anew now and then, first on one host, then everywhere. That alone changes nothing.

``order_entry 4.2.1`` may run on ``vm-rpa-03`` alone from Tuesday and on all hosts from Friday; the `changes` table says
both. Whoever finds a release guilty of a change that came by chance is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from rpa_lab.simulate.calendar import HOUR_US
from rpa_lab.simulate.streams import stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from rpa_lab.simulate.local_time import LocalTime
    from rpa_lab.simulate.process import Process

__all__ = ["Release", "change", "changes_of", "releases", "version_of"]

_CANARY_DAYS = (1, 5)
_MINOR_SHARE = 0.25
_HOURS = (8, 17)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version that came: on one host (by number) at `canary_us`, on all at `all_us`; microseconds since 1970 UTC."""

    version: str
    host: int
    canary_us: int
    all_us: int


def releases(
    process: Process, *, seed: int, here: LocalTime, hosts: Sequence[int], per_month: float
) -> tuple[Release, ...]:
    """Draw a workflow's releases, at working hours, one after another.

    Parameters
    ----------
    process : Process
        The workflow.
    seed : int
        The fleet's seed.
    here : LocalTime
        The fleet's days.
    hosts : sequence of int
        The numbers of the hosts that its robots are on; with only one there is no host to try it on first.
    per_month : float
        How many there are in 30 days, on average.

    Returns
    -------
    tuple of Release
        In order of time; none begins before the one before it is everywhere.
    """
    rng = stream(seed, f"{process.workflow_id} releases")
    most = rng.poisson(per_month * len(here.days) / 30)
    known, version = [], process.version
    free_us = int(here.midnights_us[0])
    for day in np.sort(rng.integers(0, len(here.days), most)).tolist():
        canary_us, staged_us = (
            int(here.hours_us[day, int(rng.integers(*_HOURS))] + rng.integers(HOUR_US)),
            int(rng.integers(*_CANARY_DAYS)) * 24 * HOUR_US + int(rng.integers(-2 * HOUR_US, 2 * HOUR_US)),
        )
        host = int(rng.choice(list(hosts)))
        minor = rng.random() < _MINOR_SHARE
        if canary_us <= free_us:
            continue
        version = _next(version, minor=minor)
        free_us = canary_us + (staged_us if len(set(hosts)) > 1 else 0)
        known.append(Release(version=version, host=host, canary_us=canary_us, all_us=free_us))
    return tuple(known)


def version_of(
    known: Sequence[Release], started_us: npt.NDArray[np.int64], host: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Which version each run was of: 0 for the first, else one more than the release's place.

    Parameters
    ----------
    known : sequence of Release
        The workflow's.
    started_us, host : numpy.ndarray
        When each run started, and the number of its host.

    Returns
    -------
    numpy.ndarray

    Examples
    --------
    >>> tried_on_2 = Release(version="1.1.0", host=2, canary_us=10, all_us=30)
    >>> version_of([tried_on_2], np.array([5, 15, 15, 35]), np.array([2, 2, 0, 0])).tolist()
    [0, 1, 0, 1]
    """
    version = np.zeros(len(started_us), np.int64)
    for place, release in enumerate(known, start=1):
        tried = (started_us >= release.canary_us) & (host == release.host)
        version[tried | (started_us >= release.all_us)] = place
    return version


def changes_of(
    workflow_id: str, known: Sequence[Release], *, hosts: Sequence[str], id_prefix: str
) -> Iterator[dict[str, object]]:
    """Rows of the `changes` table: one where a release comes to one host, one where it comes to all.

    Parameters
    ----------
    workflow_id : str
        The workflow.
    known : sequence of Release
        Its releases.
    hosts : sequence of str
        The names of the fleet's hosts.
    id_prefix : str
        How the ids begin.

    Yields
    ------
    dict
    """
    for release in known:
        if release.all_us > release.canary_us:
            yield change(
                f"{id_prefix}-{release.version}-canary",
                release.canary_us,
                workflow_id,
                kind="release",
                version=release.version,
                host=hosts[release.host],
                text=f"{workflow_id} {release.version} on {hosts[release.host]} first",
            )
        yield change(
            f"{id_prefix}-{release.version}",
            release.all_us,
            workflow_id,
            kind="release",
            version=release.version,
            text=f"{workflow_id} {release.version} on all hosts",
        )


def change(
    change_id: str,
    at_us: int,
    workflow_id: str,
    *,
    kind: str,
    text: str,
    version: str | None = None,
    host: str | None = None,
) -> dict[str, object]:
    """One row of the `changes` table; nobody is said to have written it.

    Parameters
    ----------
    change_id : str
        Its id.
    at_us : int
        When it took effect, microseconds since 1970 UTC.
    workflow_id : str
        What it touches.
    kind, text : str
        What kind of change it was, and what was changed.
    version, host : str, optional
        The version that it brought, the only host that it touches.

    Returns
    -------
    dict
    """
    return {
        "change_id": change_id,
        "at": _EPOCH + timedelta(microseconds=at_us),
        "workflow_id": workflow_id,
        "kind": kind,
        "version": version,
        "host": host,
        "text": text,
        "author": None,
    }


def _next(version: str, *, minor: bool) -> str:
    major, middle, patch = (int(part) for part in version.split("."))
    return f"{major}.{middle + 1}.0" if minor else f"{major}.{middle}.{patch + 1}"
