"""Thirty secrets, said wherever a bot can speak, are in no byte of a store."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rpa_lab import MetricsCollector, TimeSeriesStore
from rpa_lab.integrations.importing import import_files
from rpa_lab.integrations.robotframework import RobotFramework
from rpa_lab.records import ExecutionMetrics, RecoveryMetrics, ResourceMetrics, StepMetrics
from rpa_lab.storage.compaction import compact

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)
ALNUM = string.ascii_letters + string.digits
ZSTD = bytes.fromhex("28b52ffd")

SAYINGS = (
    "password={}",
    "Password: '{} or so'",
    "db.password = {};",
    "{{'user': 'bot', 'passwd': '{}'}}",
    '{{"api_key": "{}", "n": 1}}',
    '{{"body": "{{\\"password\\": \\"{}\\"}}"}}',
    "login(user='bot', password='{}')",
    "Authorization: Bearer {}",
    "('Authorization', 'Bearer {}')",
    "authorization: Basic {}",
    "X-Api-Key: {}",
    "Cookie: lang=de; sid={}",
    "https://bot:{}@erp.example/login",
    "redis://:{}@cache:6379/0",
    "https://files.example/a?sv=2024&sig={}&se=2026",
    "GET /orders?access_token={}&page=2",
    "Server=db;Uid=bot;Pwd={};Encrypt=yes",
    "jdbc:sqlserver://db;user=sa;password={};x=1",
    "host=db user=bot password='{}' dbname=x",
    "AccountKey={}==;EndpointSuffix=core.windows.net",
    "PGPASSWORD={} psql -h db",
    "run --token {} --verbose",
    "mysql -u bot -p{} orders",
    "<Password>{}</Password>",
    "%22password%22%3A%22{}%22",
    "client_secret: {}",
    "Kennwort: {}",
    "the password is {}",
    "eyJhbGciOiJIUzI1NiJ9.{}.c2ln",
    "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
)


def made_up(seed: int) -> list[str]:
    """A secret for each saying: a word that nobody would use by chance."""
    choose = random.Random(seed)
    secrets = []
    for saying in SAYINGS:
        word = "".join(choose.choices(ALNUM, k=choose.randint(12, 24))) + str(choose.randint(0, 9))
        kind = choose.randrange(3)
        if "Basic" in saying:
            word = base64.b64encode(f"bot:{word}".encode()).decode().rstrip("=")
        elif kind == 1 and not saying.startswith(("eyJ", "Acc", "X-", "http", "redis")):
            word = f"{word[:6]}!{word[6:]}"
        elif kind == 2:
            word = "".join(choose.choices("0123456789abcdef", k=32))
        secrets.append(word)
    return secrets


SECRETS = made_up(seed=2026)
SAID = [saying.format(secret) for saying, secret in zip(SAYINGS, SECRETS, strict=True)]


WORDS = [f"Lieferung{number:02}" for number in range(len(SAID))]
"""A harmless word for each, which stands before it wherever it is said."""
COLUMNS = {
    "executions": "execution_id workflow_id error_message context robot_id host workflow_version business_key rerun_of "
    "exception_kind error_details end_context",
    "steps": "step_id execution_id workflow_id node_id action_type target_element error_details application",
    "recoveries": "recovery_id execution_id workflow_id step_id node_id strategy error_details",
    "resources": "workflow_id execution_id host robot_id",
    "changes": "change_id kind version host text author",
    "collector_health": "host robot_id",
}
"""Where text may stand, but in columns with words of our own."""


def says(number: int) -> str:
    return f"{WORDS[number]} {SAID[number]}"


def run(collector: MetricsCollector, number: int) -> None:
    """A run that fails as robots do, with exceptions that come from others."""
    said, secret = says(number), SECRETS[number]
    deep = {"a": [{"b": {"note": said, "userPassword": secret, "pair": ["x-api-key", secret]}}]}
    with collector.execution(said, context=deep, business_key=said, rerun_of=said) as execution:
        execution.context["end"] = deep
        with execution.step(said, action_type=said, target_element=said, application=said) as step:
            step.target_element = f"css:div > {said}"
            with execution.step("inner"):
                submit(number)


def submit(number: int) -> None:
    try:
        connect(number)
    except OSError as cause:
        raise RuntimeError(f"submit failed\n{says(number)}") from cause


def connect(number: int) -> None:
    try:
        raise KeyError(says(number))
    except KeyError:
        raise OSError(says(number))  # noqa: B904 - its context is what is tested


def record(root: Path, number: int) -> None:
    """All that one collector can be told."""
    said = says(number)
    with MetricsCollector(root, robot_id=said, host=said, workflow_version=said) as collector:
        with pytest.raises(RuntimeError):
            run(collector, number)
        run_id = f"run {said}"
        collector.record_execution_start(run_id, said, context={said: said, "password": SECRETS[number]})
        collector.record_step(
            execution_id=run_id, node_id=said, action_type="x", step_id=said, status="failed", error_details=said
        )
        collector.record_recovery(recovery(number, run_id))
        collector.record_resource(sample(number))
        collector.record_execution_complete(
            run_id, said, said, error_details=said, exception_kind=said, context={said: said}
        )
        assert collector.flush()
        assert collector.stats()["dropped"] == 0


def recovery(number: int, execution_id: str) -> RecoveryMetrics:
    said = says(number)
    return RecoveryMetrics(said, execution_id, said, said, said, said, AT, AT, 1.0, "failed", 0.5, said)


def sample(number: int) -> ResourceMetrics:
    return ResourceMetrics(AT, says(number), says(number), 1.0, 2.0, host=says(number), robot_id=says(number))


def write(store: TimeSeriesStore, number: int) -> None:
    """What is written without a collector."""
    said = says(number)
    execution = ExecutionMetrics(
        *(f"written {said}", said, AT, AT + timedelta(seconds=1), 1000.0, "failed", 1, 0, 1, said, {"x": [said]}),
        robot_id=said,
        business_key=said,
        error_details=said,
        end_context={"token": SECRETS[number]},
    )
    step = StepMetrics(said, f"written {said}", said, said, said, said, AT, AT, 1.0, "failed", 1.0, 0, said)
    store.write_metrics([execution, step, recovery(number, "e"), sample(number)])
    change = {"change_id": said, "at": AT, "kind": said, "version": said, "host": said, "text": said, "author": said}
    store.write_frame("changes", pl.DataFrame([change]))


def output_xml(path: Path) -> Path:
    """What Robot Framework writes of a suite in which everything says a secret."""
    tests = []
    for number in range(len(SAID)):
        said = quoteattr(says(number))
        text = said[1:-1]
        status = f'<status status="FAIL" start="2026-11-03T08:00:{number:02}" elapsed="0.5">{text}</status>'
        tests.append(
            f"<test name={said}><kw name={said} owner={said}><kw name={said} owner={said}><arg>{text}</arg>"
            f'<msg time="2026-11-03T08:00:{number:02}" level="FAIL">{text}</msg>{status}</kw>{status}</kw>'
            f"<doc>{text}</doc><tag>{text}</tag>{status}</test>"
        )
    path.write_text(
        f'<?xml version="1.0"?><robot generator="Robot 7.2" generated="2026-11-03T09:00:00" schemaversion="5">'
        f"<suite name={quoteattr(says(0))}>{''.join(tests)}</suite></robot>",
        encoding="utf-8",
    )
    return path


def everything(root: Path) -> Iterator[str]:
    """What each file under a root holds: raw, its pages unpacked, and its values, statistics and facts."""
    for path in sorted(root.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            yield data.decode("utf-8", "replace")
            if path.suffix == ".parquet":
                yield from pages(data)
                yield from values(path)


def pages(data: bytes) -> Iterator[str]:
    """Each compressed page, dictionaries too, as it was before."""
    at = data.find(ZSTD)
    while at >= 0:
        unpacked = bytearray()
        try:
            stream = pa.CompressedInputStream(pa.BufferReader(data[at:]), "zstd")
            while piece := stream.read(1 << 16):
                unpacked += piece
        except OSError:
            pass  # what follows the page is none
        yield unpacked.decode("utf-8", "replace")
        at = data.find(ZSTD, at + 4)


def values(path: Path) -> Iterator[str]:
    """Each value, entry of a dictionary, bound of the statistics and fact of the footer."""
    file = pq.ParquetFile(path)
    for row in file.read().to_pylist():
        yield from map(str, row.values())
    for group in range(file.metadata.num_row_groups):
        columns = [file.metadata.row_group(group).column(at) for at in range(file.metadata.num_columns)]
        strings = {field.name for field in file.schema_arrow if pa.types.is_string(field.type)}
        listed = [column.path_in_schema for column in columns if "RLE_DICTIONARY" in column.encodings]
        listed = [name for name in listed if name in strings]
        rows = pq.ParquetFile(path, read_dictionary=listed).read_row_group(group, columns=listed)
        for chunk in (chunk for column in rows.columns for chunk in column.chunks):
            yield from map(str, chunk.dictionary.to_pylist())
        for statistics in (column.statistics for column in columns):
            if statistics is not None and statistics.has_min_max:
                yield f"{statistics.min} {statistics.max}"
    yield str(file.metadata.metadata)


def pieces(secret: str) -> list[str]:
    """Parts of a secret, each long enough to be there by no accident."""
    return [secret[at : at + 8] for at in range(len(secret) - 7)]


class Held(NamedTuple):
    """A store's root, and what was in all its files before compaction and after."""

    root: Path
    journal: str
    compacted: str


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    root = tmp_path_factory.mktemp("secrets") / "store"
    store = TimeSeriesStore(root, compact=False)
    for number in range(len(SAID)):
        record(root, number)
        write(store, number)
    imported = import_files(RobotFramework(), [output_xml(root.parent / "output.xml")], store, tz="UTC")
    assert (imported.executions, imported.steps) == (len(SAID), len(SAID))
    journal = "\n".join(everything(root))
    compact(root, grace_s=0)
    assert list(root.glob("steps/day=*/*.parquet"))
    return Held(root, journal, "\n".join(everything(root)))


@pytest.mark.parametrize("state", ["journal", "compacted"])
def test_no_secret_is_in_any_byte_of_a_store(held: Held, state: str) -> None:
    text: str = getattr(held, state)

    found = {SAYINGS[n]: piece for n, secret in enumerate(SECRETS) for piece in pieces(secret) if piece in text}
    assert found == {}


@pytest.mark.parametrize("state", ["journal", "compacted"])
def test_the_words_around_them_are(held: Held, state: str) -> None:
    text: str = getattr(held, state)

    assert [word for word in WORDS if word not in text] == []
    assert "submit failed" in text
    assert "The above exception was the direct cause" in text


@pytest.mark.parametrize("table", COLUMNS)
def test_each_column_that_was_told_one_keeps_what_stood_before_it(held: Held, table: str) -> None:
    rows = TimeSeriesStore(held.root).read(table)

    for column in COLUMNS[table].split():
        text = "\n".join(rows[column].drop_nulls().to_list())
        assert [word for word in WORDS if word not in text] == [], column
        assert "[redacted" in text, column


def test_runs_whose_ids_held_secrets_are_still_told_apart_and_keep_their_steps(held: Held) -> None:
    store = TimeSeriesStore(held.root)
    runs = store.read("executions").filter(pl.col("execution_id").str.starts_with("run "))
    steps = store.read("steps").filter(pl.col("execution_id").str.starts_with("run "))

    assert runs["execution_id"].n_unique() == runs.height == len(SAID)
    assert sorted(steps["execution_id"]) == sorted(runs["execution_id"])


def test_what_a_callers_own_patterns_match_is_in_no_byte_either(root: Path) -> None:
    said = "order of CUST-123456, paid"
    context = {"customer": 47110815, "CUST-123456": [said]}
    with MetricsCollector(root, redact=[r"\bCUST-\d{6}\b", r"\b4711\d{4}\b"]) as collector:
        run = collector.execution(said, business_key=said, context=context)
        with run, run.step(said, target_element=said):
            pass
        assert collector.flush()
    text = "\n".join(everything(root))

    assert [secret for secret in ("CUST-123456", "47110815") if secret in text] == []
    assert "order of [redacted], paid" in text
