from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from rpa_lab.integrations.source import Source
from rpa_lab.integrations.xes import read_xes
from tests.integrations.logs import parsed, rows


def test_xes_attributes_keep_their_place_whatever_their_type() -> None:
    text = """<?xml version="1.0" encoding="UTF-8"?>
    <x:log xmlns:x="http://www.xes-standard.org/">
      <string key="concept:name" value="of the log"/>
      <x:trace><x:string key="concept:name" value="7"/><int key="weight" value="3"/>
        <list key="l"><string key="in" value="list"/></list>
        <event><string key="concept:name" value="a &lt;b&gt;"><string key="deep" value="x"/></string>
               <date key="time:timestamp" value="2026-11-03T09:00:00.000+00:00"/>
               <boolean key="late" value="true"/></event></x:trace>
      <trace><string key="concept:name" value="8"/></trace>
      <event><string key="concept:name" value="alone"/></event>
    </x:log>"""
    found = parsed(text, name="log.xes")
    assert rows(found, "executions", "execution_id", "context") == [("log:7", '{"late": "true", "weight": "3"}')]
    assert rows(found, "steps", "action_type") == ["a <b>"]
    assert found.left_out == {
        "lists of attributes": 1,
        "attributes of attributes": 1,
        "events outside of a case": 1,
        "cases without events": 1,
    }


def test_the_memory_of_xes_grows_with_what_it_says_and_not_with_its_elements() -> None:
    """300,000 elements that say nothing: as a tree they would be hundreds of megabytes."""
    filler = b"<string key='n' value='x'>" + b"<string key='m' value='y'/>" * 100 + b"</string>"
    head, tail = b"<log><trace><string key='concept:name' value='7'/><event>", b"</event></trace></log>"
    content = gzip.compress(head + b"<list key='l'>" + filler * 3000 + b"</list>" + tail)
    source = Source(path=Path("log.xes.gz"), content=content)
    with pytest.raises(ValueError, match="unpacks to more than"):
        read_xes(source, max_bytes=5_000_000)
    plain = Source(path=Path("log.xes"), content=gzip.decompress(content))
    tracemalloc.start()
    table = read_xes(plain)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert table.events.height == 1
    assert most < 3_000_000 < len(plain.content)
