"""The look, and the renderer."""

from __future__ import annotations

import altair as alt
import pytest
from hypothesis import given

from rpa_lab.chart.theme import RENDERER_VARIABLE, short, use_renderer
from tests.strategies import hostile_text


@given(hostile_text())
def test_a_short_text_is_one_printable_line_of_bounded_length(text: str) -> None:
    cut = short(text, most=30)
    assert len(cut) <= 30
    assert cut.isprintable()


@given(hostile_text())
def test_a_text_that_fits_is_kept(text: str) -> None:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    assert short(text, most=max(len(line), 10)) == (line or "(no name)")


def test_a_generated_report_gets_svg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RENDERER_VARIABLE, "svg")
    before = alt.renderers.active
    try:
        assert use_renderer() == "svg"
        assert alt.renderers.active == "svg"
    finally:
        alt.renderers.enable(before)
