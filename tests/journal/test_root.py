from __future__ import annotations

import json
from pathlib import Path

import pytest

from rpa_lab.errors import StoreError
from rpa_lab.journal.root import FORMAT, check_format, open_root


def test_a_new_store_says_its_format_once(root: Path) -> None:
    assert not check_format(root)

    open_root(root)
    said = (root / "_store.json").read_bytes()
    open_root(root)

    assert check_format(root)
    assert json.loads(said)["format"] == FORMAT
    assert (root / "_store.json").read_bytes() == said
    assert [path.name for path in root.iterdir()] == ["_store.json"]


def test_a_newer_format_is_refused_clearly(root: Path) -> None:
    root.mkdir()
    (root / "_store.json").write_text('{"format": 99}')

    with pytest.raises(StoreError, match="says format 99, this rpa_lab reads up to 1; upgrade rpa-lab"):
        open_root(root)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "x"}', "{}"])
def test_a_damaged_format_is_named(root: Path, text: str) -> None:
    root.mkdir()
    (root / "_store.json").write_text(text)

    with pytest.raises(StoreError, match=r"_store\.json is damaged"):
        check_format(root)


def test_a_copy_of_published_tables_is_not_written_to(root: Path) -> None:
    (root / "executions" / "day=2026-11-03").mkdir(parents=True)

    with pytest.raises(StoreError, match="is a copy: it has the published table 'executions' and no _journal"):
        open_root(root)
