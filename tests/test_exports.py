import subprocess
import sys

import pytest

import rpa_lab

PUBLIC = [
    "ArchiveStorage",
    "AttributionAnalyzer",
    "ComparativeAnalyzer",
    "ExecutionMetrics",
    "HistoryAnalyzer",
    "KpiAnalyzer",
    "Lab",
    "MetricsCollector",
    "PerformanceAnalyzer",
    "PerformanceStats",
    "Period",
    "Query",
    "QueryEngine",
    "RecoveryMetrics",
    "ReliabilityAnalyzer",
    "ReliabilityStats",
    "Report",
    "ReportGenerator",
    "ResourceCollector",
    "ResourceMetrics",
    "StepMetrics",
    "TimeSeriesStore",
]


def test_public_names_are_exactly_these() -> None:
    assert rpa_lab.__all__ == PUBLIC
    assert dir(rpa_lab) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_each_public_name_is_a_class_of_that_name(name: str) -> None:
    assert getattr(rpa_lab, name).__name__ == name


def test_a_misspelt_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'rpa_lab' has no attribute 'Labb'"):
        _ = rpa_lab.Labb  # type: ignore[attr-defined]


def _loaded_after(code: str) -> set[str]:
    heavy = (
        "polars",
        "pyarrow",
        "numpy",
        "pandas",
        "altair",
        "scipy",
        "sklearn",
        "robot",
        "papermill",
        "typer",
        "rich",
    )
    script = f"{code}\nimport sys\nprint(*(name for name in {heavy!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_import_rpa_lab_loads_nothing_heavy() -> None:
    assert (
        _loaded_after("import rpa_lab, rpa_lab.records, rpa_lab.period, rpa_lab.errors; rpa_lab.StepMetrics") == set()
    )


def test_a_bots_imports_load_no_polars() -> None:
    loaded = _loaded_after("from rpa_lab import MetricsCollector, RecoveryMetrics, StepMetrics; import rpa_lab.schema")
    assert loaded <= {"pyarrow", "numpy"}  # pyarrow may bring NumPy along
