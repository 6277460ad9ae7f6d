"""What failures say, with what differs from run to run taken out: messages that mean the same become one template.

``HTTPError: 500 Server Error for url: https://erp.example.com/orders/4711`` and the same of order 4712 are
``HTTPError: 500 Server Error for url: <url>``, twice. What is masked: addresses (``<url>``, ``<email>``), quoted values
(``'<value>'``), ``<uuid>``, ``<date>`` and ``<time>``, ``<path>``, hexadecimal numbers (``<hex>``), words that hold
digits (``<id>``), numbers (``<n>``). Codes of errors stay, as they say what went wrong: HTTP statuses, ``WinError 32``,
``ORA-01017``, ``0x800706BA``. A template is its own template.
"""

from __future__ import annotations

from typing import Final

import polars as pl

__all__ = ["message_templates", "said", "templates"]

_KEPT = "\ue000"  # stands for a code while the rest is masked; of private use, so that no message holds it
_LONGEST = 400
_CODES_KEPT = 6

_ADDRESSES: Final = (
    (r"(?i)\b(?:https?|ftps?|file|wss?)://[^\s\"'<>)\]]+", "<url>"),
    (r"(?i)[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+", "<email>"),
    # a quoted value has up to four words: what is longer is a sentence, as in the tuples that drivers raise
    (r'\B"[^"\s]*(?: +[^"\s]+){0,3}"\B', '"<value>"'),
    (r"\B'(?:[^'\s]|'\b)*(?: +(?:[^'\s]|'\b)+){0,3}'\B", "'<value>'"),
    (r"\B`[^`\s]*(?: +[^`\s]+){0,3}`\B", "`<value>`"),
    (r"“[^”\s]*(?: +[^”\s]+){0,3}”", "“<value>”"),
    (r"«[^»\n]*?»", "«<value>»"),
)
_CODE: Final = (
    r"(?i)\b(?:(?:ORA|TNS|PLS)-\d{5}|WinError \d{1,5}|Errno -?\d{1,5}|AADSTS\d+|0x8[0-9a-f]{7}|2147\d{6}"
    r"|HTTP(?:/\d\.\d)?[ :]+(?:status[ :]+)?(?:code[ :]+)?[1-5]\d\d"
    r"|(?:status|error)(?: code)?[ :=]+[1-5]\d\d|[45]\d\d (?:Client|Server) Error|answered [1-5]\d\d)\b"
)
_VALUES: Final = (
    (r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uuid>"),
    (r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?(?:Z|[+\-]\d{2}:?\d{2})?\b", "<date>"),
    (r"\b\d{1,2}[./]\d{1,2}[./](?:\d{4}|\d{2})\b", "<date>"),
    (r"\b\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\b", "<time>"),
    (r"\b[A-Za-z]:[\\/]+[^\s:*?\"'<>|,;]+", "<path>"),
    (r"\\\\[^\s:*?\"'<>|,;]+", "<path>"),
    (r"(^|[\s(\[=:])~?/(?:[\w.\-@%+]+/)+[\w.\-@%+]*", "${1}<path>"),
    (r"(?i)\b0x[0-9a-f]+\b", "<hex>"),
    (r"(?i)\b(?:[0-9a-f]{12,}|[0-9a-f]*(?:\d[a-f]|[a-f]\d)[0-9a-f]{6,})\b", "<hex>"),
    (r"(?i)\b\d+(?:[.,]\d+)?(ms|s|sec|secs|min|h|kb|mb|gb|px)\b", "<n>${1}"),
    (r"\b(?:[A-Za-z]+[\-_/])+\d[\w\-/]*", "<id>"),
    (r"\b[A-Z]+\d[\w\-]*", "<id>"),
    (r"\b[a-z]+\d{2,}\b", "<id>"),
    (r"\b\d+[A-Za-z_][\w\-]*\b", "<id>"),
    (r"[+\-]?\b\d+(?:[.,:/\-]\d+)*", "<n>"),
)


def templates(texts: pl.Series) -> pl.Series:
    r"""The template of each text.

    Parameters
    ----------
    texts : Series
        Messages, best each once; null stays null.

    Returns
    -------
    Series
        On one line, of at most 400 characters. ``templates(templates(x))`` is ``templates(x)``.

    Examples
    --------
    >>> said = ["Order 4711: '1,250.00' is no amount", "nothing at #row-17 after 10 s", r"[WinError 5] C:\x.tmp"]
    >>> templates(pl.Series(said)).to_list()
    ["Order <n>: '<value>' is no amount", 'nothing at #<id> after <n> s', '[WinError 5] <path>']
    """
    now = texts.cast(pl.String)
    for _ in range(8):  # what one mask leaves may be what another is looking for; two rounds nearly always do
        before, now = now, _masked(now)
        if now.eq_missing(before).all():
            break
    return now


def said() -> pl.Expr:
    """What a failure says: its message, else the error of its failing step, else the last line of its details.

    It reads error_message, step_error and error_details; null where nothing was said.
    """
    return pl.coalesce(*(_not_blank(pl.col(name)) for name in ("error_message", "step_error")), _not_blank(last_line()))


def last_line() -> pl.Expr:
    """The last line of error_details: of a traceback, the error itself."""
    return pl.col("error_details").str.strip_chars().str.split("\n").list.last()


def message_templates(failures: pl.LazyFrame) -> pl.LazyFrame:
    """Failures grouped by what they say, most frequent first.

    Parameters
    ----------
    failures : LazyFrame
        One row per failure: execution_id, workflow_id, started_at, node_id, category, error_message, step_error,
        error_details.

    Returns
    -------
    LazyFrame
        One row per template and category: template (null where nothing was said), category, failures, share (fraction
        0-1 of all), first_seen, last_seen, example (what the newest one said), example_execution_id, workflows and
        nodes (lists of names, each once, in order).
    """
    texts = failures.with_columns(_text=said())
    distinct = (
        texts.select("_text")
        .unique()
        .with_columns(template=pl.col("_text").map_batches(templates, return_dtype=pl.String))
    )
    newest_first = ["started_at", "execution_id"]
    return (
        texts.join(distinct, on="_text", how="left", nulls_equal=True, validate="m:1")
        .sort(newest_first, descending=True, nulls_last=True)
        .group_by("template", "category")
        .agg(
            failures=pl.len().cast(pl.Int64),
            first_seen=pl.col("started_at").min(),
            last_seen=pl.col("started_at").max(),
            example=pl.col("_text").first(),
            example_execution_id=pl.col("execution_id").first(),
            workflows=pl.col("workflow_id").drop_nulls().unique().sort(),
            nodes=pl.col("node_id").drop_nulls().unique().sort(),
        )
        .with_columns(share=pl.col("failures") / pl.col("failures").sum())
        .select(
            *("template", "category", "failures", "share", "first_seen", "last_seen"),
            *("example", "example_execution_id", "workflows", "nodes"),
        )
        .sort("failures", "template", "category", descending=[True, False, False], nulls_last=True)
    )


def _masked(texts: pl.Series) -> pl.Series:
    text = pl.col("text")
    frame = pl.DataFrame({"text": texts})
    for pattern, mask in _ADDRESSES:
        frame = frame.with_columns(text.str.replace_all(pattern, mask))
    frame = frame.with_columns(codes=text.str.extract_all(_CODE)).with_columns(text.str.replace_all(_CODE, _KEPT))
    for pattern, mask in _VALUES:
        frame = frame.with_columns(text.str.replace_all(pattern, mask))
    for number in range(_CODES_KEPT):
        code = pl.col("codes").list.get(number, null_on_oob=True).fill_null("<n>")
        frame = frame.with_columns(text.str.replace(_KEPT, code, literal=True))
    frame = frame.with_columns(text.str.replace_all(_KEPT, "<n>", literal=True))
    one_line = text.str.replace_all(r"\s+", " ").str.strip_chars().str.slice(0, _LONGEST).str.strip_chars()
    return frame.select(one_line).to_series()


def _not_blank(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.strip_chars() != "").then(text)
