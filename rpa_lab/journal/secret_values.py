"""Where a text gives a name that says that its value is a secret, and then the value.

``password=hunter2``, ``"apiKey": "…"``, ``--token …``, ``<Password>…</Password>``, ``the PIN is 1234``. How sure it is
that a value follows depends on what stands between: after ``=`` one does, after ``Password: `` perhaps a sentence.
Each name is looked at once and each step is bounded, so that the cost grows with a text's length.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import Final, Literal

from rpa_lab.journal.secret_extent import Extent, element_at, header_at, value_at, whole_end
from rpa_lab.journal.secret_names import SecretKind, is_count, secret_kind
from rpa_lab.journal.secret_shapes import Span
from rpa_lab.journal.secret_words import is_placeholder, is_said, looks_mixed, looks_random

__all__ = ["FOREIGN", "NAMING", "named_secrets"]

_NAMING: Final = """
pass token key secret pw auth cookie cred sess code pin otp sig jwt bearer cv puk phrase kennwort contrase senha
wachtwoord mdp
"""
NAMING: Final = tuple(_NAMING.split())
"""Parts of names (in lower case) without one of which an ASCII text has no `named_secrets`."""

_FOREIGN: Final = "contraseñ|hasło|lösenord|jelszó|şifre|parolă|парол|密码|密碼|口令|パスワード|비밀번호|암호|סיסמ"
FOREIGN: Final = re.compile(_FOREIGN)
"""The same for other texts."""

_Sure = Literal["sure", "option", "likely", "guess", "hint", "pair"]
"""*sure*: a value follows. *option*: it does, but in a sentence on the option. *likely*: a value or a sentence does.
*guess*, *hint*, *pair*: only what looks made up is one; more so after a mere hint."""

_PART = re.compile(
    "pass|token|key|secret|pw|auth|cookie|cred|sess|code|pin|otp|sig|jwt|bearer|cvv|cvc|puk|phrase|answer|kennwort"
    "|contrase|senha|wachtwoord|mdp|haslo|heslo|jelszo|losenord|adgangskode|salasana|parola|sifre|lozinka|geheimnis"
    "|zugangsdaten"
)
_ANY_PART = re.compile(f"{_PART.pattern}|{_FOREIGN}")
_OWNER = re.compile(r"\b(?:one[- ]time|mot de|[a-z0-9]{2,12}) \Z", re.IGNORECASE)
_OWNED: Final = frozenset(("key", "code", "phrase", "answer", "passe", "signature"))
_IN_NAME: Final = string.ascii_letters + string.digits + "_.-"
_LONGEST_NAME: Final = 60
_LONGEST_CODE: Final = 40  # characters of a word in which the digits of a code are looked for
_REST = re.compile(r"[\w.-]{0,60}")

_BETWEEN = re.compile(
    r"(?P<close>\\{0,31}[\"'`]|%(?:25)?2[27]|&(?:quot|\#3[49]|apos);)?(?P<bracket>\]{1,2}|\}|%5[Dd]|\[\w{0,20}\])?"
    r"(?:"
    r"(?P<equals>[ \t]{0,8}(?:=\\?>|:=|!=|={1,3}|%(?:25)?3[Dd])[ \t]{0,8}(?:\\\r?\n[ \t]{0,40})?@?)"
    r"|(?P<colon>[ \t]{0,3}(?:%(?:25)?3[Aa]|-\\?>|:(?!//|:))\s{0,8})"
    r"|(?P<form>(?:\r?\n|\\r\\n|\\n){2})"
    r"|(?P<list>[ \t]{0,3},\s{0,8}(?=[bBrRuU]{0,2}\\{0,31}[\"']))"
    r"|(?P<verb>[\"']?(?:[ \t](?:for|of|für|von)[ \t][\w.@'\"-]{1,40})?"
    r"[ \t]{1,3}(?:is|was|are|will be|set to|changed to|ist|war|lautet|est|es|era|è|é)(?:[ \t]{1,3}|:[ \t]{0,3}))"
    r"|(?P<blank>[ \t]{1,4}(?:\|[ \t]{1,4})?)"
    r"|)"
)
_VALUE_OF_PAIR = re.compile(  # <input name="password" value="…">, {"name": "password", "value": "…"}
    r"\\{0,31}[\"'][^<>{}\n]{0,100}?\bval(?:ue)?\\{0,31}[\"']?\s{0,3}[=:]\s{0,3}|\n[^\n]{0,200}?\binput_value=",
    re.IGNORECASE,
)
_VALUE_BEFORE = re.compile(  # <input value="…" name="password">
    r"\bvalue\\{0,31}[\"']?\s{0,3}[=:]\s{0,3}\\{0,31}([\"'])([^\"'\\<>]{1,200})\\{0,31}\1[^<>{}\n]{0,60}?"
    r"\b(?:name|type|key|id|field)\\{0,31}[\"']?\s{0,3}[=:]\s{0,3}\\{0,31}[\"']\Z",
    re.IGNORECASE,
)
_TAG = re.compile(r"(?P<close>[\"'])?(?:\s[^<>]{0,200})?(?:\\?>|&gt;|%3E)(?:\s{0,20}<value\\?>)?")
_TAG_BEGINS = re.compile(r"(?:<|&lt;|%3C)(?:[\w.-]{1,30}:)?\Z")
_NAME_OF_TAG = re.compile(r"<[^<>]{1,100}\b(?:name|key)\s?=\s?[\"']\Z", re.IGNORECASE)
_USING = re.compile(r"\b(?:with|using|and|mit|und|con|avec) (?:the )?\Z", re.IGNORECASE)
_LOGIN = re.compile(r"\b(?:login|user|account) (?!or |and )[^\s\"']{1,80} \Z")  # as .netrc has it
_FOLDER = re.compile(r"/(?:[\w.-]{1,60}/)|[A-Za-z]:\\")
_STRINGS = re.compile(r"[\"']")
_PROSE = re.compile(r"[ \t]{1,3}[a-zäöüßéèñ']{2,30}(?:[ \t]{1,3}[\w']{1,30}|[.!]?[ \t]{0,3}(?:\n|\Z))")
_TOKEN = re.compile(r"[\w+/][\w+/=.~-]{15,}")
_CODE: Final = {
    "likely": re.compile(r"\d(?:[ -]?\d){2,11}\W{0,2}"),
    "guess": re.compile(r"\d(?:-?\d){3,7}\W{0,2}"),
    "hint": re.compile(r"\d{4,8}\W{0,2}"),
}


def named_secrets(text: str, low: str, *, strict: bool = False) -> Iterator[Span]:
    """Where a text has values whose names say that they are secret.

    Parameters
    ----------
    text : str
        The text.
    low : str
        The same in lower case, as long as the text.
    strict : bool
        Whether the text is a name itself (``reset password: bot``): what may be a sentence is one then.

    Yields
    ------
    tuple of int
        Beginning and end.

    Examples
    --------
    >>> text = "login(password='hunter2') failed: password: expired, PIN is 1234"
    >>> [text[begin:end] for begin, end in named_secrets(text, text.lower())]
    ['hunter2', '1234']
    """
    done = 0
    for found in (_PART if text.isascii() else _ANY_PART).finditer(low):
        if found.start() < done:
            continue
        begin, done = _name(text, found.start(), found.end(), least=done)
        kind = secret_kind(text[begin:done])
        if kind is None:
            continue
        span = _secret(text, begin, done, kind, strict=strict)
        if span:
            yield span
            done = max(done, span[1])


def _name(text: str, begin: int, end: int, *, least: int) -> Span:
    """Where the name begins and ends of which this is a part."""
    head = text[max(least, begin - _LONGEST_NAME) : begin]
    begin -= len(head) - len(head.rstrip(_IN_NAME))
    if text[begin - 1 : begin] == "%":  # %22password
        begin += 2
    rest = _REST.match(text, end)
    end = rest.end() if rest else end
    end = begin + len(text[begin:end].rstrip(".-"))
    name = text[begin:end].lower()
    if name in _OWNED and (owner := _OWNER.search(text, max(least, begin - 16), begin)):  # an API key, a security code
        return owner.start(), end
    return begin, end + 3 if name in ("session", "sess") and text[end : end + 3].lower() == " id" else end


def _secret(text: str, begin: int, end: int, kind: SecretKind, *, strict: bool) -> Span | None:
    """Where the secret of this name is, if one is said."""
    if element := _element(text, begin, end):
        return element
    name, between = text[begin:end], _BETWEEN.match(text, end)
    if between is None:  # it matches nothing, too
        return None
    quoted, at = bool(between["close"]), between.end()
    sure = _how_sure(text, begin, name, between)
    if sure is None:
        pair = _VALUE_OF_PAIR.match(text, end)
        if pair is None:
            return _value_before(text, begin) if quoted else None
        sure, at = "sure", pair.end()
    certain = sure == "sure"
    if kind == "header" and sure in ("sure", "likely", "pair"):
        header = header_at(text, at, name=name, name_begin=begin, certain=certain)
        if header:
            said = text[header.begin : header.end]
            return None if not said or is_placeholder(said) or is_said(said) else header[:2]
    most = _LONGEST_CODE if kind == "code" else None
    value = value_at(text, at, certain=certain, inside=None if quoted else begin, most=most)
    if value is None or not _is_secret(text, begin, name, value, kind, sure, strict=strict):
        return None
    return value.begin, whole_end(text, value, phrase="phrase" in name.lower())


def _how_sure(text: str, begin: int, name: str, between: re.Match[str]) -> _Sure | None:
    """How sure it is that a value follows; None where it is sure that none does."""
    before, quoted = text[begin - 1 : begin], between["close"]
    if between["equals"]:
        return None if name.lower() == "sig" and before not in ("?", "&", ";") else "sure"
    if between["bracket"] and not between["verb"]:
        return None
    if between["colon"]:
        return "sure" if quoted else _after_colon(before, name, between["colon"])
    if between["form"]:
        return "sure" if quoted else None
    if between["list"]:
        in_pair = text[max(0, begin - 4) : begin - 1].rstrip()[-1:] in ("(", "[")
        return ("sure" if name.startswith("-") else "pair" if in_pair else None) if quoted else None
    if name.lower() == "pass":
        return None
    if between["verb"]:
        return "guess"
    return None if quoted or not between["blank"] else "option" if name.startswith("-") else "hint"


def _after_colon(before: str, name: str, colon: str) -> _Sure | None:
    if before == "#":  # a selector: #password: …
        return None
    short = name.lower() in ("pw", "pass") and not colon[-1].isspace()
    return "guess" if "\n" in colon or short else "likely"


def _value_before(text: str, name_begin: int) -> Span | None:
    """A value that stands before its name: ``<input value="…" name="password">``."""
    found = _VALUE_BEFORE.search(text, max(0, name_begin - 330), name_begin)
    return found.span(2) if found and not is_placeholder(found[2]) else None


def _element(text: str, name_begin: int, name_end: int) -> Span | None:
    """The text of the XML element of this name, or with an attribute that says so: ``<entry key="password">…``."""
    tag = _TAG.match(text, name_end)
    begins = _NAME_OF_TAG if tag and tag["close"] else _TAG_BEGINS
    if tag is None or not begins.search(text, max(0, name_begin - 140), name_begin):
        return None
    element = element_at(text, tag.end())
    said = text[element.begin : element.end].strip() if element else ""
    if element is None or not said or is_placeholder(said):
        return None
    is_label = " " in said or is_said(said) or (said.isalpha() and secret_kind(said) is not None)
    if tag["close"] and is_label:
        return None
    return element[:2] if element.quoted or looks_random(said, "password") else None


def _is_secret(
    text: str, name_begin: int, name: str, value: Extent, kind: SecretKind, sure: _Sure, *, strict: bool
) -> bool:
    """Whether a value is a secret, rather than a placeholder, a count or the beginning of a sentence."""
    said = text[value.begin : value.end]
    if is_placeholder(said) or _is_counted(name, said) or (name.lower() in ("pwd", "oldpwd") and _FOLDER.match(said)):
        return False
    match sure:
        case "sure":
            return _is_sure(said, kind)
        case "option":
            is_in_usage = said.isupper() and secret_kind(said) is not None  # --password PASSWORD
            return not (is_in_usage or is_said(said) or said.startswith("-"))
        case "pair":
            is_last = text[value.end + 1 : value.end + 9].lstrip()[:1] == ")"  # define('DB_PASSWORD', 'x')
            return looks_random(said, kind) or (is_last and _is_of_code(name))
        case "hint" if kind != "code":
            using = _USING if value.quoted else _LOGIN
            is_used = kind == "password" and using.search(text, max(0, name_begin - 100), name_begin)
            return bool(is_used) or _is_hinted(said, kind, quoted=value.quoted)
    if kind == "code":
        return _CODE[sure].fullmatch(said) is not None
    if _looks_like_one(said, kind, sure, quoted=value.quoted, strict=strict):
        return True
    return sure == "likely" and not strict and _is_no_sentence(text, value, name, kind)


def _looks_like_one(said: str, kind: SecretKind, sure: _Sure, *, quoted: bool, strict: bool) -> bool:
    is_password = quoted and kind == "password" and (not strict or any(c.isdigit() for c in said))
    if " " in said:
        return is_password and sure == "likely"
    return is_password or looks_random(said, kind, anywhere=strict or sure == "guess" or kind == "token")


def _is_no_sentence(text: str, value: Extent, name: str, kind: SecretKind) -> bool:
    """Whether what follows ``password: `` isn't a sentence, such as "must have 8 characters"."""
    said = text[value.begin : value.end]
    if " " in said or len(said) < 3 or is_said(said) or name.lower() == "pass":
        return False
    if kind != "password" and not _is_of_code(name):
        return False
    return value.quoted or not (said.isalpha() and _PROSE.match(text, value.end))


def _is_counted(name: str, said: str) -> bool:
    """Whether a name counts what it names, and this is a number or holds no string."""
    if said.isdecimal():
        return is_count(name, int(said[:_LONGEST_CODE]))
    return said[:1] in ("{", "[", "(") and is_count(name, 0) and not _STRINGS.search(said)


def _is_sure(said: str, kind: SecretKind) -> bool:
    if kind == "code":
        return any(c.isdigit() for c in said)
    return kind == "password" or (len(said) > 2 and not said.startswith(("https://", "http://")))


def _is_hinted(said: str, kind: SecretKind, *, quoted: bool) -> bool:
    if kind == "password":
        return looks_mixed(said)
    return (quoted or _TOKEN.fullmatch(said) is not None) and " " not in said and looks_random(said, kind)


def _is_of_code(name: str) -> bool:
    """Whether a name is one that programs use, not people: what follows it is hardly ever a sentence."""
    return "_" in name or "-" in name or name.lower().endswith(" id") or (name[0].islower() and not name.islower())
