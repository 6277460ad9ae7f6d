from __future__ import annotations

import os
from pathlib import Path

import pytest

from rpa_lab.errors import SourceError
from rpa_lab.integrations.source import read_source


def test_a_plain_file_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    file.write_bytes(b"\x00\r\n\xff")
    assert read_source(file).content == b"\x00\r\n\xff"
    assert read_source(str(file), max_bytes=4).path == file


def test_a_file_larger_than_the_cap_is_refused_with_both_sizes(tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    file.write_bytes(b"x" * 11)
    with pytest.raises(SourceError, match=r"a.xml has 11 bytes, expected at most 10 .*; nothing was imported"):
        read_source(file, max_bytes=10)


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b"<robot/>")
    link = tmp_path / "link.xml"
    link.symlink_to("a.xml")
    with pytest.raises(SourceError, match=r"link.xml is a symbolic link, expected the file itself"):
        read_source(link)
    link.unlink()
    link.symlink_to("nowhere")
    with pytest.raises(SourceError, match="symbolic link"):
        read_source(link)


def test_what_is_no_plain_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(SourceError, match="is no plain file, expected one"):
            read_source(path)


@pytest.mark.parametrize("name", ["gone.xml", "no/such/folder.xml", "a\0b", "x" * 300])
def test_a_file_that_cannot_be_there_is_one_clear_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match=r"doesn't exist|can't be read|is no path") as caught:
        read_source(tmp_path / name)
    assert str(caught.value).endswith("; nothing was imported")
    assert "\n" not in str(caught.value)
