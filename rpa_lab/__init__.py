"""Tells the people who run software robots what the robots did, how fast, how reliably, and what to fix first.

The names below are imported when first used, so that a bot which only records never loads what an analyst needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rpa_lab.analysis.attribution.analyzer import AttributionAnalyzer
    from rpa_lab.analysis.comparison import ComparativeAnalyzer
    from rpa_lab.analysis.history import HistoryAnalyzer
    from rpa_lab.analysis.kpis import KpiAnalyzer
    from rpa_lab.analysis.performance import PerformanceAnalyzer, PerformanceStats
    from rpa_lab.analysis.reliability import ReliabilityAnalyzer, ReliabilityStats
    from rpa_lab.collection.collector import MetricsCollector
    from rpa_lab.collection.resources import ResourceCollector
    from rpa_lab.lab import Lab
    from rpa_lab.period import Period
    from rpa_lab.query.engine import QueryEngine
    from rpa_lab.query.query import Query
    from rpa_lab.records import ExecutionMetrics, RecoveryMetrics, ResourceMetrics, StepMetrics
    from rpa_lab.report.generator import ReportGenerator
    from rpa_lab.report.model import Report
    from rpa_lab.storage.archive import ArchiveStorage
    from rpa_lab.storage.store import TimeSeriesStore

__all__ = [
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
__version__ = "0.1.0"

if not TYPE_CHECKING:  # unguarded, mypy would accept any misspelt name
    _HOME = {
        "ArchiveStorage": "storage.archive",
        "AttributionAnalyzer": "analysis.attribution.analyzer",
        "ComparativeAnalyzer": "analysis.comparison",
        "ExecutionMetrics": "records",
        "HistoryAnalyzer": "analysis.history",
        "KpiAnalyzer": "analysis.kpis",
        "Lab": "lab",
        "MetricsCollector": "collection.collector",
        "PerformanceAnalyzer": "analysis.performance",
        "PerformanceStats": "analysis.performance",
        "Period": "period",
        "Query": "query.query",
        "QueryEngine": "query.engine",
        "RecoveryMetrics": "records",
        "ReliabilityAnalyzer": "analysis.reliability",
        "ReliabilityStats": "analysis.reliability",
        "Report": "report.model",
        "ReportGenerator": "report.generator",
        "ResourceCollector": "collection.resources",
        "ResourceMetrics": "records",
        "StepMetrics": "records",
        "TimeSeriesStore": "storage.store",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module 'rpa_lab' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"rpa_lab.{_HOME[name]}"), name)
        return value

    def __dir__() -> list[str]:  # tab completion
        return __all__
