"""Which words of a failure put it in which category: a table, read from the top; the first row that fits counts.

The words are those of the libraries and systems that robots use: Selenium, Playwright, pywinauto, Robot Framework and
RPA Framework, UiPath, SAP GUI, requests, urllib3, httpx and aiohttp, SQL drivers, Windows and HTTP. A text
may stand anywhere in the message, whatever its case; a pattern is a regular expression of Rust's kind.

The order is from the cause to the symptom, since one message often tells both: a proxy that wants a password shows as a
connection that failed, a lost connection as an element that was not found in time. So come

1. what the bot itself says of the failure: that healing failed, that a rule of the business was broken;
2. who and what may be used: sign-in, files and rows held by others, permission, memory, space and quotas;
3. the way there: answers that never came, connections;
4. what was looked for on a screen, then waiting in general;
5. what was handed in, then the business again by its words, then programs that broke.
"""

from __future__ import annotations

from typing import Final

from rpa_lab.storage.settings import FailureRule

__all__ = ["CATEGORIES", "RULES"]

CATEGORIES: Final = (
    "timeout",
    "element_not_found",
    "application_error",
    "network",
    "authentication",
    "permission",
    "data_validation",
    "business_rule",
    "resource",
    "self_healing_failed",
    "unknown",
)
"""The categories that are always known; rules of `rpa_lab.toml` may name further ones."""


def _rule(category: str, *any_of: str, pattern: str | None = None, kind: str | None = None) -> FailureRule:
    return FailureRule(category=category, contains=any_of, pattern=pattern, exception_kind=kind)


RULES: Final = (
    # 1. what the bot says itself
    _rule("self_healing_failed", "healingerror", "failed to heal", "could not be healed", "selfhealingexception"),
    _rule("self_healing_failed",
          pattern=r"(?i)\b(self[- ]?healing|healing|recovery|(recovery|healing) strateg(y|ies)|fallback (selector"
                  r"|locator)s?)\b.{0,60}\b(failed|exhausted|unsuccessful)\b"),
    _rule("business_rule", "businessruleexception", "business exception", "businesserror", "business rule"),
    _rule("data_validation", "missing", "empty", "mandatory", "required field", "invalid", "not a valid",
          "enter a valid", "could not be read", "cannot be read", "unreadable", "no text layer", "wrong format",
          "does not match format", "validation error", kind="business"),
    _rule("business_rule", kind="business"),
    # a dialog that nobody expected is the application's doing, whatever it says; so is Excel that can't be opened
    _rule("application_error", "excel.businessexception", "unexpected dialog", "unexpected popup", "unexpected pop-up",
          "unexpected alert", "unexpectedalertpresent", "unexpected window"),
    # 2. who may use it, and whether it is free
    _rule("authentication", "authenticationerror", "authenticationexception", "authenticationfailed",
          "authentication failed", "smtpauthenticationerror", "authentication credentials", "authentication required",
          "invalid credentials", "bad credentials", "incorrect credentials", "login failed", "logon failed",
          "login failure", "logon failure", "sign-in failed", "refused the sign-in", "logon denied",
          "not authenticated", "incorrect username", "incorrect password", "invalid password", "wrong password",
          "username or password", "user name or password", "name or password is incorrect",
          "invalid username/password", "password has expired", "password expired", "password must be changed",
          "account is locked", "account locked", "account is disabled", "account has been disabled", "user is locked",
          "token has expired", "token expired", "token is expired", "invalid token", "invalid_grant", "invalid_client",
          "expiredtoken", "session has expired", "session expired", "multi-factor", "mfa required", "aadsts",
          "captcha", "check your credentials", "unable to log in", "unable to login", "failed to login",
          "failed to log in", "login fehlgeschlagen", "anmeldung fehlgeschlagen", "échec de l'authentification",
          "échec de la connexion de l'utilisateur"),
    _rule("authentication",
          pattern=r"(?i)\bunauthori[sz]ed\b|\b(http|status|code|error)\D{0,12}(401|407)\b|\b(401|407) (client error"
                  r"|proxy)|ORA-(01017|28000|28001|28002)|\bWinError (1326|1330|1331|1907|1909)\b"
                  r"|\bpassword\b.{0,30}\bexpired\b"),
    _rule("resource", "used by another process", "in use by another", "using the machine's console",
          "open in another program", "being used by another", "locked for editing", "locked by another",
          "locked by user", "already being processed by", "is being edited by", "database is locked",
          "database table is locked", "deadlock", "sharing violation", "could not obtain lock", "resource busy",
          "device or resource busy", "no free worker", "wird bereits von"),
    _rule("permission", "permission denied", "permission was denied", "permissionerror", "permissiondenied",
          "access is denied", "access denied", "accessdenied", "access to the path", "unauthorizedaccess",
          "not authorized", "not authorised", "no authorization", "missing authorization", "no permission",
          "not permitted", "insufficient privilege", "insufficientprivilege", "insufficient permission",
          "requires elevation", "forbidden", "zugriff verweigert", "keine berechtigung", "accès refusé",
          "accès interdit"),
    _rule("permission",
          pattern=r"(?i)\b(http|status|code|error)\D{0,12}403\b|\b403 client error|ORA-(01031|00942)|\bWinError (5"
                  r"|1314)\b|\bE_ACCESSDENIED\b|0x80070005"),
    _rule("resource", "memoryerror", "out of memory", "outofmemory", "insufficient memory", "not enough memory",
          "cannot allocate memory", "heap space", "no more storage space", "paging file is too small", "no space left",
          "not enough space", "disk is full", "disk full", "quota", "mailbox is full", "too many open files",
          "too many clients", "too many connections", "too many requests", "too many sessions",
          "connection pool exhausted", "queuepool limit", "pool size reached", "rate limit", "rate exceeded",
          "throttl", "resourceexhausted", "resource exhausted", "insufficient system resources",
          "maximum number of external sessions", "no license available", "license limit", "tsv_tnew_page_alloc_failed"),
    _rule("resource",
          pattern=r"(?i)\b(http|status|code|error)\D{0,12}(429|507)\b|\b429 client error|\bWinError (8|14|112|1450"
                  r"|1453|1455)\b|ORA-(04030|04031|01653|01654|00020)"),
    # 3. the way there
    _rule("timeout", "read timed out", "readtimeout", "read operation timed out", "writetimeout", "gateway timeout",
          "gateway time-out", "request timeout", "request timed out", "no answer from", "lock wait timeout",
          "login timeout expired"),
    _rule("timeout",
          pattern=r"(?i)\b(http|status|code|error)\D{0,12}(408|504)\b|\b(408|504) (client|server) error"),
    _rule("network", "connection refused", "actively refused", "connection reset", "connection aborted",
          "connectionreset", "connectionaborted", "connectionrefused", "forcibly closed", "connection was closed",
          "connection closed", "connection unexpectedly closed", "connection lost", "lost connection",
          "server closed the connection", "remote end closed", "remotedisconnected", "serverdisconnected",
          "server disconnected", "broken pipe", "newconnectionerror", "failed to establish a new connection",
          "max retries exceeded", "connecttimeout", "connecterror", "connectionerror", "clientconnector",
          "cannot connect to", "could not connect to", "unable to connect to", "can't connect to", "failed to connect",
          "connection failed", "connect call failed", "no connection could be made", "a connection attempt failed",
          "could not reach host", "are you offline", "no route to host", "network is unreachable",
          "host is unreachable", "host unreachable", "name or service not known",
          "temporary failure in name resolution", "getaddrinfo", "name resolution", "could not be resolved",
          "could not resolve", "nodename nor servname", "network path", "network name", "network error",
          "networkerror", "communication link failure", "certificate", "sslerror", "ssl: ", "tls handshake",
          "handshake failure", "proxyerror", "rpc server is unavailable", "0x800706ba", "smtpserverdisconnected",
          "no listener", "tns:", "urlopen error", "netzwerkpfad", "verbindung wurde", "connexion refusée"),
    _rule("network",
          pattern=r"(?i)net::ERR_(NAME|CONNECTION|ADDRESS|INTERNET|NETWORK|PROXY|TUNNEL|SSL|CERT|TIMED_OUT|SOCKET"
                  r"|EMPTY|HTTP2)|\bWinError (51|53|54|59|64|67|121|1231|1232|100(50|51|52|53|54|57|58|60|61|64|65)"
                  r"|1100[1-4])\b|\b(ECONNREFUSED|ECONNRESET|ECONNABORTED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH"
                  r"|ETIMEDOUT|EAI_AGAIN|EPIPE)\b|\bORA-(12[1256]\d\d|03113|03114|03135)\b"
                  r"|\bpartner\b.{0,60}\bnot reached\b|\b502 (server error|bad gateway)"),
    # 4. what was looked for on a screen, then waiting in general
    _rule("element_not_found", "nosuchelement", "no such element", "unable to locate element",
          "unable to find element", "staleelement", "stale element", "no longer attached", "not attached to the page",
          "not attached to the dom", "click intercepted", "clickintercepted", "not interactable", "notinteractable",
          "not clickable", "no element matches", "did not match any element", "outside of the viewport",
          "failed locating", "no element found", "elementnotfound", "element not found", "elementnotvisible",
          "elementnotenabled", "elementambiguous", "elements that match the criteria", "strict mode violation",
          "waiting for locator", "waiting for selector", "waiting for get_by", "waiting for getby",
          "cannot find the ui element", "could not find the user-interface", "could not find the ui element",
          "cannot find element", "could not find element", "can not find element", "selectornotfound",
          "nodenotfoundexception", "invalid selector", "control could not be found", "find control timeout",
          "should have contained element", "imagenotfound", "could not locate the image", "image not found on screen",
          "could not locate window", "windowcontrolerror", "windownotfound", "window not found", "matchesnotfound",
          "no match found for locator", "nosuchframe"),
    _rule("element_not_found",
          pattern=r"(?is)\b(element|locator|selector|control|button|frame)s?\b.{0,120}\b(not found|not visible"
                  r"|not enabled|not present|not displayed|did not appear|does not exist|was not found"
                  r"|could not be found)\b"),
    _rule("timeout", "timeout", "timed out", "time out", "time limit exceeded", "time_out", "deadline exceeded",
          "deadlineexceeded", "failed after retrying", "was still running after", "took too long",
          "still loading after", "zeitüberschreitung", "délai d'attente", "délai dépassé", "tiempo de espera"),
    _rule("timeout",
          pattern=r"(?i)\b(waited|did not \w+ (with)?in|not \w+ within|gave up after|no response (after"
                  r"|within))\b.{0,60}?\b\d"),
    # 5. what was handed in, the business by its words, programs that broke
    _rule("data_validation", "jsondecodeerror", "expecting value: line", "parsererror", "parseerror", "xmlsyntaxerror",
          "not well-formed", "error tokenizing", "could not convert", "cannot convert", "invalid literal for",
          "does not match format", "unconverted data remains", "out of range for", "validationerror",
          "validation error", "validation failed", "unicodedecodeerror", "codec can't decode", "keyerror",
          "extractionerror", "could not be read", "no text layer", "pdfreaderror", "badzipfile", "not a zip file",
          "invalidfileexception", "file format", "formatexception", "not in a correct format", "input string was not",
          "not a valid", "enter a valid", "mandatory field", "required field", "is required", "integrityerror",
          "constraint", "duplicate key", "duplicate entry", "cannot insert null", "dataerror", "would be truncated",
          "data too long", "value too large", "numeric value out of range", "filenotfound", "no such file",
          "could not find file", "cannot find the file", "cannot find the path", "directorynotfound", "worksheet",
          "sheet named", "no column", "column not found", "assertionerror", "should be equal", "does not contain",
          "should contain", "do not match"),
    _rule("data_validation",
          pattern=r"(?i)\binvalid (date|number|amount|format|value|input|vat|iban|e-?mail|postal|zip|tax|currency)\b"
                  r"|\b(400|422) client error|\bORA-(01400|01722|01858|01861|00001|02291|02292|12899)\b|.+ != .+"
                  r"|\b(iban|field|value|number|date|amount|address)\b.{0,30}\bis (missing|empty)\b"
                  r"|\bfile\b.{0,200}\b(does not exist|not found)\b|\bWinError [23]\b"),
    _rule("business_rule", "credit limit", "duplicate invoice", "already paid", "already posted", "already handled",
          "already processed", "blocked for payment", "approval limit", "needs approval", "not approved",
          "sanctions list", "outside the agreed", "differs by more than", "contract has expired"),
    _rule("application_error", "webdriverexception", "chrome not reachable", "session deleted", "invalid session id",
          "invalidsessionid", "sessionnotcreated", "session not created", "tab crashed", "page crash",
          "no browser is open", "nosuchwindow", "no such window", "has been closed", "targetclosederror",
          "frame was detached", "cannot communicate with the browser", "comexception", "com_error", "hresult",
          "rejected by callee", "disconnected from its clients", "ole action", "appstarterror",
          "could not be launched", "could not be started", "failed to launch", "failed to start", "could not start",
          "data source name not found", "driver not found", "is not installed", "stackoverflow", "eoferror",
          "referenced before assignment", "unexpected keyword argument", "positional argument",
          "incorrect number of bindings", "applicationerror", "not responding", "stopped working", "has crashed",
          "crashed", "runtime error", "runtimeerror", "access violation", "segmentation fault", "fatal error",
          "internal error", "internal server error", "service unavailable", "servererror", "serviceerror", "fail-safe",
          "nullreference", "object reference not set", "attributeerror", "typeerror", "indexerror", "nameerror",
          "zerodivisionerror", "recursionerror", "notimplementederror", "unboundlocalerror", "importerror",
          "modulenotfounderror", "syntaxerror", "argumentexception", "argumentnullexception",
          "invalidoperationexception", "indexoutofrange", "calledprocesserror", "non-zero exit status", "exit code",
          "no keyword with name", "abap", "short dump", "macro"),
    _rule("application_error",
          pattern=r"(?i)\b4\d\d client error|\b5\d\d server error|\banswered 5\d\d\b|\b(http|status)\D{0,12}(4"
                  r"|5)\d\d\b|^variable '.{1,200}' not found|\b0x8[0-9a-f]{7}\b"),
)  # fmt: skip
"""The rules, first to last; those of a store's owner come before them."""
