from __future__ import annotations

from pathlib import Path

import pytest

from rpa_lab import Lab
from rpa_lab.errors import InputError
from rpa_lab.storage.settings import Settings, read_settings


def test_the_zone_is_the_owners(root: Path) -> None:
    root.mkdir()
    (root / "rpa_lab.toml").write_text('tz = "Asia/Tokyo"\n')

    assert read_settings(root) == Settings(tz="Asia/Tokyo")
    assert Lab(root).tz == "Asia/Tokyo"
    assert Lab(root, tz="Europe/Paris").tz == "Europe/Paris"


def test_without_a_file_it_is_utc(root: Path) -> None:
    assert read_settings(root) == Settings()
    assert Lab(root).tz == "UTC"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('tz = "Mars/Olympus"', r"rpa_lab\.toml: tz 'Mars/Olympus' is no time zone"),
        ("tz = 5", r"rpa_lab\.toml: tz is 5, expected an IANA name"),
        ("tz = ", r"rpa_lab\.toml is no TOML"),
        (b"\xff", r"rpa_lab\.toml is no TOML"),
    ],
)
def test_a_mistake_in_it_is_named(root: Path, text: str | bytes, sentence: str) -> None:
    root.mkdir()
    (root / "rpa_lab.toml").write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(InputError, match=sentence):
        read_settings(root)
