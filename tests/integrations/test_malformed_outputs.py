"""What is wrong with an output is one clear sentence, and the store stays as it was."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from rpa_lab.errors import SourceError
from rpa_lab.integrations.importing import import_files
from rpa_lab.integrations.robotframework import RobotFramework
from rpa_lab.integrations.source import Source
from rpa_lab.storage.store import TimeSeriesStore
from tests.integrations.outputs import OUTPUTS, STATUS

LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 9))
MALFORMED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty, expected the output.xml of Robot Framework"),
    "blank": (b" \n\n", "is empty"),
    "no xml": (b"PK\x03\x04 this is a zip", "line 1 is no complete XML"),
    "json": (b'{"generator": "Robot 7.5", "suite": {}}', "line 1 is no complete XML"),
    "truncated": (OUTPUTS[2].read_bytes()[:9000], "line .* is no complete XML: .*, expected output.xml"),
    "two roots": (b"<robot></robot>\n<robot></robot>", "line 2 is no complete XML: junk after document element"),
    "other root": (b"<html><body/></html>", "line 1 has the root element <html>, expected <robot>"),
    "junit": (b'<?xml version="1.0"?>\n<testsuite/>', "line 2 has the root element <testsuite>, expected <robot>"),
    "doctype": (b'<?xml version="1.0"?>\n<!DOCTYPE robot>\n<robot/>', "line 2 has a DOCTYPE"),
    "external": (b'<!DOCTYPE r SYSTEM "file:///etc/passwd"><robot/>', "line 1 has a DOCTYPE"),
    "laughs": (f'<!DOCTYPE robot [<!ENTITY l0 "ha">{LAUGHS}]><robot>&l8;</robot>'.encode(), "line 1 has a DOCTYPE"),
    "encoding": (b'<?xml version="1.0" encoding="martian"?><robot/>', "encoding"),
    "bad utf-8": (b'<robot generator="\xff\xfe"/>', "line 1 is no complete XML"),
    "too deep": (b"<robot>" + b"<suite>" * 500 + b"</suite>" * 500 + b"</robot>", "deeper than 400 elements"),
    "schema": (b'<robot schemaversion="five"/>', "line 1 has schemaversion 'five', expected a number"),
    "child": (b'<robot>\n<suite name="S">\n<banana/>\n</suite></robot>', "line 3 has <banana> within <suite>"),
    "type": (b'<robot><suite name="S"><test name="T"><kw type="x"/></test></suite></robot>', "can't be read"),
    "status": (
        f"<robot><suite><test>\n{STATUS.replace('PASS', 'GREEN')}</test></suite></robot>".encode(),
        "line 2 has status 'GREEN', expected PASS, FAIL, SKIP or NOT RUN",
    ),
    "start": (
        f"<robot><suite><test>\n{STATUS.replace('2026-11-03', '2026-13-03')}</test></suite></robot>".encode(),
        "line 2 has start '2026-13-03T08:00:00', expected a time",
    ),
    "starttime": (
        b'<robot><suite><test><status status="PASS" starttime="20200230 10:00:00.000"/></test></suite></robot>',
        "has starttime '20200230 10:00:00.000', expected a time",
    ),
    "elapsed": (
        b'<robot><suite><test><status status="PASS" elapsed="nan"/></test></suite></robot>',
        "has elapsed 'nan', expected seconds",
    ),
    "line": (b'<robot><suite name="S"><test name="T" line="x"/></suite></robot>', "can't be read by Robot Framework"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_file_is_one_clear_sentence_and_leaves_the_store_as_it_was(
    name: str, tmp_path: Path, root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content, expected = MALFORMED[name]
    store = TimeSeriesStore(root)
    import_files(RobotFramework(), [OUTPUTS[0]], store)
    before = {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    bad = tmp_path / "bad.xml"
    bad.write_bytes(content)
    capfd.readouterr()
    with pytest.raises(SourceError, match=expected) as caught:
        import_files(RobotFramework(), [OUTPUTS[2], bad, OUTPUTS[1]], store)
    said = str(caught.value)
    assert said.startswith(str(bad))
    assert said.endswith("; nothing was imported")
    assert "\n" not in said
    assert capfd.readouterr() == ("", "")
    assert {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def damaged(text: bytes, *, seed: int, times: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    for _ in range(times):
        at = chance.randrange(len(text))
        match chance.randrange(4):
            case 0:
                yield text[:at]
            case 1:
                yield text[:at] + bytes([chance.randrange(256)]) + text[at + 1 :]
            case 2:
                yield text[:at] + text[at + chance.randrange(1, 60) :]
            case _:
                other = chance.randrange(len(text))
                yield text[:at] + text[other : other + 40] + text[at:]


@pytest.mark.parametrize("path", OUTPUTS, ids=lambda path: path.stem)
def test_damage_anywhere_is_read_or_refused_but_never_anything_else(path: Path) -> None:
    text = path.read_bytes()
    outcomes: Counter[bool] = Counter()
    for broken in damaged(text, seed=3, times=300):
        try:
            RobotFramework().parse(Source(path=path, content=broken))
            outcomes[True] += 1
        except SourceError:
            outcomes[False] += 1
    assert outcomes[True] > 20
    assert outcomes[False] > 20
