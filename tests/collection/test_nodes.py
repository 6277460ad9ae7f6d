from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.collection.nodes import BETWEEN, node_of
from rpa_lab.records import split_node_path
from tests import strategies


@given(st.lists(strategies.words(), min_size=1, max_size=4))
def test_the_names_of_a_node_come_back(names: list[str]) -> None:
    assert split_node_path(node_of(BETWEEN.join(names))) == tuple(names)


def test_what_is_no_text_is_a_name_too() -> None:
    assert node_of(5) == "5"
