"""The workflows that a simulated fleet runs: the back-office work that robots are usually given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rpa_lab.errors import InputError, quote
from rpa_lab.records import node_path
from rpa_lab.simulate.calendar import AROUND_THE_CLOCK, NIGHTLY, OFFICE_HOURS, Rhythm
from rpa_lab.simulate.process import Node, Process
from rpa_lab.simulate.streams import stream

__all__ = ["CATALOGUE", "average_runs", "processes"]

_MEDIAN_SD = 0.15
_WEIGHT_SD = 0.2


def processes(workflows: int, *, seed: int) -> tuple[Process, ...]:
    """The first so many workflows, as this seed's company runs them.

    Medians and numbers of runs differ between seeds (standard deviation 15 and 20 % of their logarithms). Beyond the
    catalogue's end it starts over, as a second unit of the company.

    Parameters
    ----------
    workflows : int
        How many.
    seed : int
        The fleet's seed.

    Returns
    -------
    tuple of Process

    Examples
    --------
    >>> [process.workflow_id for process in processes(2, seed=0)]
    ['order_entry', 'invoice_processing']
    """
    return tuple(_as_run(number, seed) for number in range(workflows))


def average_runs(executions_per_day: float, *, workflows: int, seed: int) -> float:
    """What `runs_per_day` must be so that all workflows together have so many runs on the average day of a week.

    Parameters
    ----------
    executions_per_day : float
        Of all workflows.
    workflows : int
        How many.
    seed : int
        The fleet's seed.

    Returns
    -------
    float

    Raises
    ------
    InputError
        If there are no executions, or no workflows to share them.

    Examples
    --------
    >>> round(average_runs(400, workflows=8, seed=0), 1)
    43.1
    """
    if type(workflows) is not int or workflows < 1:
        raise InputError(f"workflows is {quote(workflows)}, expected a whole number from 1 to 1000")
    if not executions_per_day > 0:
        raise InputError(f"executions_per_day is {quote(executions_per_day)}, expected a number greater than 0")
    return executions_per_day / sum(process.weight for process in processes(workflows, seed=seed))


def _as_run(number: int, seed: int) -> Process:
    unit, place = divmod(number, len(CATALOGUE))
    process = CATALOGUE[place]
    workflow_id = process.workflow_id if unit == 0 else f"{process.workflow_id}_unit_{unit + 1:02d}"
    rng = stream(seed, f"{workflow_id} process")
    factors = np.exp(rng.normal(0, _MEDIAN_SD, len(process.nodes))).tolist()
    return replace(
        process,
        workflow_id=workflow_id,
        weight=process.weight * float(np.exp(rng.normal(0, _WEIGHT_SD))),
        nodes=tuple(
            replace(node, median_ms=node.median_ms * factor)
            for node, factor in zip(process.nodes, factors, strict=True)
        ),
    )


def _process(workflow_id: str, version: str, key_prefix: str, rhythm: Rhythm, weight: float, *nodes: Node) -> Process:
    return Process(
        workflow_id=workflow_id, version=version, key_prefix=key_prefix, rhythm=rhythm, weight=weight, nodes=nodes
    )


def _node(
    path: tuple[str, ...],
    action_type: str,
    application: str,
    target_element: str,
    median_ms: float,
    *,
    share: float = 1.0,
    lines_per_turn: int | None = None,
) -> Node:
    return Node(
        node_id=node_path(*path),
        action_type=action_type,
        application=application,
        target_element=target_element,
        median_ms=median_ms,
        share=share,
        lines_per_turn=lines_per_turn,
    )


CATALOGUE: tuple[Process, ...] = (
    _process(
        "order_entry", "4.2.0", "SO", OFFICE_HOURS, 2.4,
        _node(("fetch order",), "read_mail", "Exchange", "orders@example.com", 1_400),
        _node(("read order form",), "extract_text", "OCR service", "order.pdf", 5_200, share=0.45),
        _node(("check customer",), "query", "CRM", "customers", 900),
        _node(("enter order", "open form"), "run_transaction", "SAP GUI", "VA01", 3_600),
        _node(("enter order", "type header"), "type_into", "SAP GUI", "wnd[0]/usr/ctxtVBAK-AUART", 1_900),
        _node(("enter order", "type lines"), "type_into", "SAP GUI", "wnd[0]/usr/tblItems", 2_200, lines_per_turn=3),
        _node(("check credit limit",), "validate", "rules", "credit_limit", 350),
        _node(("ask for credit release",), "send_mail", "Exchange", "credit_release.html", 1_200, share=0.12),
        _node(("enter order", "save"), "click", "SAP GUI", "wnd[0]/tbar[0]/btn[11]", 2_700),
        _node(("confirm to customer",), "send_mail", "Exchange", "order_confirmation.html", 1_100),
    ),
    _process(
        "invoice_processing", "3.1.4", "INV", OFFICE_HOURS, 1.7,
        _node(("fetch invoice",), "read_mail", "Exchange", "invoices@example.com", 1_300),
        _node(("save attachment",), "write_file", "file share", "inbox/invoice.pdf", 420),
        _node(("read invoice",), "extract_text", "OCR service", "invoice.pdf", 6_400, share=0.55),
        _node(("check mandatory fields",), "validate", "rules", "mandatory_fields", 240),
        _node(("find purchase order",), "query", "ERP database", "purchase_orders", 1_200),
        _node(("match with order",), "match", "rules", "three_way_match", 480),
        _node(("ask for approval",), "send_mail", "Exchange", "approval.html", 1_000, share=0.18),
        _node(("log in to portal",), "log_in", "Supplier portal", "css:form#login", 3_100),
        _node(("post invoice", "open form"), "click", "Supplier portal", "css:a[href='/invoices/new']", 2_300),
        _node(("post invoice", "fill in"), "type_into", "Supplier portal", "css:#invoice-form", 4_900),
        _node(("post invoice", "submit"), "click", "Supplier portal", "css:button[type=submit]", 1_800),
        _node(("post invoice", "wait for number"), "wait_for", "Supplier portal", "css:.document-number", 5_600),
        _node(("archive",), "http_post", "Document archive", "/api/documents", 1_500),
    ),
    _process(
        "claims_intake", "1.9.2", "CLM", AROUND_THE_CLOCK, 1.2,
        _node(("fetch claim",), "http_get", "Claims gateway", "/v2/claims/next", 800),
        _node(("download photos",), "download", "Claims gateway", "/v2/claims/photos", 3_000, lines_per_turn=4),
        _node(("read claim form",), "extract_text", "OCR service", "claim.pdf", 5_900, share=0.6),
        _node(("check policy",), "query", "Policy system", "policies", 1_600),
        _node(("check cover",), "validate", "rules", "cover_at_date_of_loss", 300, share=0.8),
        _node(("register", "open"), "open_application", "Claims desk", "claimsdesk.exe", 4_200),
        _node(("register", "type claim"), "type_into", "Claims desk", "id:claimForm", 5_300),
        _node(("register", "save"), "click", "Claims desk", "id:btnSave", 1_700),
    ),
    _process(
        "bank_reconciliation", "2.0.7", "BNK", NIGHTLY, 0.9,
        _node(("fetch statement",), "download", "Bank gateway", "camt.053", 4_800),
        _node(("read statement",), "read_file", "file share", "statement.xml", 900),
        _node(("load open items",), "query", "ERP database", "open_items", 6_200),
        _node(("match payments",), "match", "rules", "payment_matching", 3_300),
        _node(("post matches",), "http_post", "ERP API", "/clearing", 1_700, lines_per_turn=3),
        _node(("write differences",), "write_range", "Excel", "differences.xlsx!A2", 1_300, share=0.35),
        _node(("report",), "send_mail", "Exchange", "reconciliation.html", 700),
    ),
    _process(
        "vendor_onboarding", "1.4.0", "VND", OFFICE_HOURS, 0.6,
        _node(("read request",), "read_range", "Excel", "requests.xlsx!A2:H2", 1_100),
        _node(("look up register",), "http_get", "Company register", "/search", 2_600),
        _node(("check tax number",), "http_get", "VAT service", "/check", 1_900),
        _node(("check sanctions list",), "query", "Compliance database", "sanctions", 1_400, share=0.4),
        _node(("check bank details",), "validate", "rules", "iban", 260),
        _node(("log in",), "log_in", "SAP GUI", "logon", 3_800),
        _node(("create vendor", "open"), "run_transaction", "SAP GUI", "XK01", 3_400),
        _node(("create vendor", "type address"), "type_into", "SAP GUI", "wnd[0]/usr/subADDRESS", 4_300),
        _node(("create vendor", "type bank"), "type_into", "SAP GUI", "wnd[0]/usr/tblBANK", 2_900, share=0.85),
        _node(("create vendor", "select terms"), "select", "SAP GUI", "wnd[0]/usr/cmbTERMS", 1_200),
        _node(("create vendor", "save"), "click", "SAP GUI", "wnd[0]/tbar[0]/btn[11]", 2_500),
        _node(("upload documents",), "http_post", "Document archive", "/api/documents", 2_200, share=0.7),
        _node(("inform buyer",), "send_mail", "Exchange", "vendor_created.html", 800),
        _node(("tick off",), "write_range", "Excel", "requests.xlsx!I2", 700),
    ),
    _process(
        "payroll", "5.0.3", "PAY", NIGHTLY, 0.35,
        _node(("load time sheets",), "query", "Time system", "time_sheets", 5_400),
        _node(("check hours",), "validate", "rules", "working_time", 600),
        _node(("load rates",), "read_range", "Excel", "rates.xlsx!A:D", 1_900, share=0.9),
        _node(("run payroll",), "run_transaction", "SAP GUI", "PC00_M99_CALC", 18_000),
        _node(("check totals",), "validate", "rules", "totals", 500),
        _node(("write payment file",), "write_file", "file share", "pain.001.xml", 1_400),
        _node(("hand over to bank",), "http_post", "Bank gateway", "/payments", 3_100),
        _node(("file pay slips",), "http_post", "Document archive", "/api/documents", 6_600, share=0.9),
    ),
    _process(
        "customer_address_change", "2.2.1", "ADR", AROUND_THE_CLOCK, 1.0,
        _node(("fetch ticket",), "http_get", "Service desk", "/api/tickets/next", 700),
        _node(("check address",), "http_get", "Address service", "/verify", 1_100, share=0.8),
        _node(("open customer",), "click", "CRM", "css:.customer-row", 2_400),
        _node(("type address",), "type_into", "CRM", "css:#address", 3_200),
        _node(("confirm duplicate",), "click", "CRM", "css:#duplicate", 1_900, share=0.09),
        _node(("save",), "click", "CRM", "css:#save", 1_600),
        _node(("close ticket",), "http_post", "Service desk", "/api/tickets/close", 900),
    ),
    _process(
        "stock_report", "1.1.0", "STK", AROUND_THE_CLOCK, 0.5,
        _node(("log in",), "log_in", "Warehouse terminal", "id:user", 4_100),
        _node(("open stock list",), "select", "Warehouse terminal", "menu:Stock", 2_000),
        _node(("wait for list",), "wait_for", "Warehouse terminal", "id:grid", 8_700),
        _node(("export",), "click", "Warehouse terminal", "id:export", 3_300),
        _node(("read export",), "read_file", "file share", "stock.csv", 800),
        _node(("load last count",), "query", "Warehouse database", "stock_counts", 2_700),
        _node(("compare",), "match", "rules", "stock_difference", 900),
        _node(("write workbook",), "write_range", "Excel", "stock.xlsx!A2", 2_600, share=0.8),
        _node(("mail",), "send_mail", "Exchange", "stock_report.html", 900),
    ),
    _process(
        "contract_renewal", "2.6.0", "CTR", OFFICE_HOURS, 0.7,
        _node(("list expiring contracts",), "query", "CRM", "contracts", 1_800),
        _node(("read contract",), "extract_text", "OCR service", "contract.pdf", 7_100, share=0.5),
        _node(("check notice period",), "validate", "rules", "notice_period", 320, share=0.85),
        _node(("load price list",), "read_range", "Excel", "prices.xlsx!A:F", 1_600, share=0.65),
        _node(("log in",), "log_in", "Contract portal", "css:form#login", 2_900),
        _node(("renew", "open"), "click", "Contract portal", "css:.contract", 2_100),
        _node(("renew", "type term"), "type_into", "Contract portal", "css:#term", 2_400),
        _node(("renew", "confirm"), "click", "Contract portal", "css:#confirm", 1_900),
        _node(("renew", "wait for document"), "wait_for", "Contract portal", "css:.pdf-ready", 6_300),
        _node(("send to customer",), "send_mail", "Exchange", "renewal.html", 1_000),
    ),
    _process(
        "expense_audit", "1.3.5", "EXP", OFFICE_HOURS, 0.8,
        _node(("fetch report",), "http_get", "Expense system", "/reports/next", 900),
        _node(("download receipts",), "download", "Expense system", "/receipts", 2_100, lines_per_turn=3),
        _node(("read receipts",), "extract_text", "OCR service", "receipt.pdf", 3_900, lines_per_turn=3),
        _node(("check limits",), "validate", "rules", "travel_policy", 400, share=0.9),
        _node(("look up rate",), "http_get", "Exchange rates", "/latest", 600, share=0.3),
        _node(("decide",), "match", "rules", "audit_decision", 350),
        _node(("write decision",), "http_post", "Expense system", "/reports/decision", 1_300),
    ),
)  # fmt: skip
