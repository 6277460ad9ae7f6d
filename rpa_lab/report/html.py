"""A report as one HTML page that opens anywhere: offline, printed, mailed.

The page loads nothing. Its charts are drawn by a Vega bundle that stands in it (0.9 MB), expressions interpreted rather
than compiled, so that the page's own content security policy allows just three things, each by its SHA-256: that
bundle, one small script and one style sheet. All text is escaped by Jinja2, and chart specifications stand in a JSON
block in which ``<``, ``>`` and ``&`` are written as escapes: nothing that a bot said can end the block, start a script
or be loaded.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Final

from rpa_lab.errors import ReportError
from rpa_lab.report.block import Chart

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

    from rpa_lab.report.model import Report

__all__ = ["VEGA_LITE", "to_html", "write_html"]

VEGA_LITE: Final = "6.4"
"""The version of Vega-Lite that draws the charts; Altair writes specifications for it."""

_UNIT = re.compile(r"(?<=\d) (?=(?:ms|s|min|h|%|×|days?|runs?|points?)(?!\w))")
_NUMBER = r"[+\u2212-]?\d[\d,]*(?:\.\d+)?"
_WHOLE = re.compile(rf"\b\d{{4}}-\d{{2}}(?:-\d{{2}})?\b|(?<!\w){_NUMBER} to {_NUMBER}(?!\w)")
# Characters that HTML forbids, or that UTF-8 can't hold.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def to_html(report: Report) -> str:
    """The report as one page.

    Parameters
    ----------
    report : Report
        What to write.

    Returns
    -------
    str
        HTML; the same for the same report.

    Examples
    --------
    >>> from rpa_lab.report.model import Provenance, Report, ReportPeriod
    >>> period = ReportPeriod(text="3 November 2026", start="2026-11-03T00:00:00Z", end="2026-11-04T00:00:00Z")
    >>> origin = Provenance(store="data/store", tz="UTC", as_of="2026-11-04T00:00:00Z", n=40)
    >>> page = to_html(Report(title="<script>", period=period, provenance=origin))
    >>> "<title>&lt;script&gt;</title>" in page
    True
    """
    from markupsafe import Markup

    charts = [block for block in report.blocks() if isinstance(block, Chart)]
    style, script = _asset("report.css"), _asset("report.js")
    bundle = _vega() if charts else ""
    scripts = [text for text in (bundle, script) if text] if charts else []
    page: str = _template().render(
        report=report,
        charts=charts,
        style=Markup(style),  # noqa: S704 - our own file
        scripts=[Markup(text) for text in scripts],  # noqa: S704 - our own file, and the Vega bundle
        specs=Markup(_json([_on_page(chart) for chart in charts])),  # noqa: S704 - escaped by `_json`
        policy=_policy(scripts, style),
    )
    return page


def write_html(report: Report, path: str | Path) -> Path:
    """Write the report as one page; a reader never sees half of it.

    Parameters
    ----------
    report : Report
        What to write.
    path : str or Path
        The file; its folder is made, and a file that is there is replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ReportError
        If it can't be written.
    """
    target, page = Path(path), to_html(report)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("wb", dir=target.parent, prefix=".tmp-", suffix=".html", delete=False) as temporary:
            temporary.write(page.encode())
        Path(temporary.name).chmod(0o666 & ~_umask())
        Path(temporary.name).replace(target)
    except OSError as wrong:
        raise ReportError(f"report {str(target)!r} can't be written: {wrong}") from wrong
    return target


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("rpa_lab.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters["unbroken"] = _unbroken
    return environment.get_template("report.html.j2")


def _unbroken(text: str) -> Markup:
    """The text with no line's end between a number and its unit, or within a date or an interval."""
    from markupsafe import Markup, escape

    kept = _UNIT.sub("\u00a0", str(_printable(text)))
    return Markup(_WHOLE.sub(r'<span class="whole">\g<0></span>', str(escape(kept))))  # noqa: S704 - escaped before


def _printable(value: Any) -> Any:
    from markupsafe import Markup

    return _UNPRINTABLE.sub("\ufffd", value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _asset(name: str) -> str:
    return files("rpa_lab.report").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _vega() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script."""
    import vl_convert

    bundle: str = vl_convert.javascript_bundle(None, VEGA_LITE).replace("\r", "")  # type: ignore[arg-type]
    if re.search(r"</script|<!--", bundle, re.IGNORECASE):
        raise ReportError("the Vega bundle of this vl-convert-python would end its own script; expected a newer one")
    return bundle


def _on_page(chart: Chart) -> dict[str, Any]:
    """The specification as the page draws it: as wide as the page, without a schema's address."""
    spec = {name: part for name, part in chart.spec.items() if name not in {"$schema", "usermeta"}}
    return {
        **spec,
        "width": "container",
        "description": chart.title,
        "autosize": {"type": "fit-x", "contains": "padding"},
    }


def _json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _policy(scripts: list[str], style: str) -> str:
    allowed = " ".join(_source(script) for script in scripts) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_source(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _source(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
