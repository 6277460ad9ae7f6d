"""Taking away any one safety step makes a test fail: the tests are worth something, and no step is there for show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.campaign import CAMPAIGN
from tests.faults.mutations import MUTATIONS, Mutation, copy_of, run_tests

_CHOSEN = [mutation for mutation in MUTATIONS if CAMPAIGN or mutation.name == "rename for link"]


@pytest.mark.parametrize("mutation", _CHOSEN, ids=lambda mutation: mutation.name)
def test_without_a_safety_step_a_test_fails(
    mutation: Mutation, tmp_path: Path, checkout: Path, tell: Callable[[str], None]
) -> None:
    place = copy_of(checkout, tmp_path)
    if CAMPAIGN:  # else they pass in this very run
        whole = run_tests(place, mutation.tests)
        assert whole.returncode == 0, f"the tests must pass with it:\n{whole.stdout}{whole.stderr}"
    mutation.apply(place)
    without = run_tests(place, mutation.tests)
    assert without.returncode == 1, f"no test noticed:\n{without.stdout}{without.stderr}"
    tell(f"without it a test fails: {mutation.name}")


def test_every_safety_step_is_where_the_mutation_says(checkout: Path, tmp_path: Path) -> None:
    for number, mutation in enumerate(MUTATIONS):
        file = tmp_path / str(number) / mutation.file
        file.parent.mkdir(parents=True)
        file.write_bytes((checkout / mutation.file).read_bytes())
        mutation.apply(tmp_path / str(number))
