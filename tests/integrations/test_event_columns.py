from __future__ import annotations

from rpa_lab.integrations.event_columns import Columns
from tests.integrations.logs import parsed, rows


def test_a_column_that_only_looks_like_a_status_goes_into_the_context() -> None:
    found = parsed("case,activity,end,state\n7,a,2026-11-03T09:00Z,Bavaria\n")
    assert rows(found, "executions", "status", "context") == [("completed", '{"state": "Bavaria"}')]
    assert found.warnings[0] == "column 'state' says 'Bavaria', which is no status: it went into the context"
    assert "status" not in found.read_as


def test_a_column_of_transitions_that_names_none_goes_into_the_context() -> None:
    found = parsed("case,activity,end,event_type\n7,a,2026-11-03T09:00Z,mail\n")
    assert rows(found, "executions", "context") == ['{"event_type": "mail"}']
    assert "lifecycle" not in found.read_as


def test_jobs_of_github_actions_are_told_by_run_and_job() -> None:
    found = parsed(
        "run_id,run_attempt,job_id,job_name,step_name,started_at,completed_at\n1,2,9,build,test,2026-11-03T09:00Z,2026-11-03T09:01Z"
    )
    assert rows(found, "executions", "execution_id", "context") == [("orders:1:2:build", '{"job_id": "9"}')]


def test_what_the_user_says_goes_before_any_guess() -> None:
    text = "case_id,Case ID,activity,end,resource\n7,x,a,2026-11-03T09:00Z,Ann\n"
    found = parsed(text, columns=Columns(case=("Case ID",), resource="-"), workflow="loans")
    assert rows(found, "executions", "execution_id", "robot_id", "context") == [
        ("loans:x", None, '{"case_id": "7", "resource": "Ann"}')
    ]
