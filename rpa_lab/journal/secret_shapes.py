"""What is a secret by its own looks: the credentials in an address, a private key, a token with a known beginning.

Each pattern starts with something rare and every repetition in it has a bound, so that the cost grows with a text's
length and not with its square. Where a pattern has groups they are what is secret; else the whole is.
"""

from __future__ import annotations

import base64
import re
import string
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from rpa_lab.journal.secret_names import secret_kind
from rpa_lab.journal.secret_words import looks_random

__all__ = ["SIGNS", "Span", "announced_secrets", "has_long_word", "shaped_secrets"]

Span = tuple[int, int]
"""Where a secret begins and ends."""


class _Shape(NamedTuple):
    """A pattern; what the text holds (in lower case) where it is worth a try; what a match must be besides."""

    guards: tuple[str, ...]
    pattern: re.Pattern[str]
    holds: Callable[[re.Match[str]], bool] | None = None


def _is_name_and_password(found: re.Match[str]) -> bool:
    """Whether it is what ``Basic`` announces: a name and a password in Base64."""
    try:
        said = base64.b64decode(found[1] + "=" * (-len(found[1]) % 4), validate=True)
    except ValueError:
        return False
    return b":" in said and said.isascii()


def _is_token(found: re.Match[str]) -> bool:
    return looks_random(found[1], "token") or (len(found[1]) >= 20 and not found[1].isalpha())


def _has_capital_and_digit(found: re.Match[str]) -> bool:
    return any(c.isdigit() for c in found[0]) and any(c.isupper() for c in found[0])


def _is_login(found: re.Match[str]) -> bool:
    return found[1].lower() not in _NO_USER and looks_random(found[2], "password")


def _is_no_user(found: re.Match[str]) -> bool:
    return looks_random(found[1], "token")


def _is_typed_secret(found: re.Match[str]) -> bool:
    """Whether a text was typed into a field whose name says that it is secret."""
    return any(secret_kind(name) in ("password", "code") for name in _NAME.findall(found["place"]))


_NAME = re.compile(r"[\w.-]{2,60}")
_NO_USER = frozenset(("acct", "bcc", "by", "cc", "e-mail", "email", "from", "mail", "mailto", "sip", "to", "xmpp"))

_USER_PART: Final = r"""[^\s:/?#@"'<>\\]"""
_IN_ADDRESSES: tuple[_Shape, ...] = (
    # scheme://user:password@host; the password may hold an @ or (in the second pattern) a slash or a quote
    _Shape(("@",), re.compile(rf""":(?:\\?/){{2}}{_USER_PART}{{0,200}}:([^\s/?#<>"']{{1,400}})@""")),
    _Shape(
        ("@",),
        re.compile(rf""":(?:\\?/){{2}}{_USER_PART}{{1,200}}:(?!\d{{1,5}}(?:[/?#]|$))([^\s@<>]{{1,400}})@[\w\[]"""),
    ),
    _Shape(("@",), re.compile(rf""":(?:\\?/){{2}}({_USER_PART}{{16,400}})(?::[^\s/?#<>]{{0,40}})?@"""), _is_no_user),
    _Shape(
        ("@",),
        re.compile(r"""(?<![\w/.:@-])([A-Za-z][\w.+-]{0,63}):(?P<secret>[^\s:@/"'<>]{6,128})@(?!sha\d)[A-Za-z0-9\[]"""),
        _is_login,
    ),
    _Shape(("oracle",), re.compile(r"(?i:jdbc:oracle:)\w{2,8}:[^\s/@]{1,64}/([^\s@]{1,128})@")),
    _Shape(
        ("sqlplus", "oracle", "ora-", "orcl"), re.compile(r"(?<![\w.:/])[A-Za-z][\w.]{0,29}/([^\s@\"'/]{1,128})@[\w/(]")
    ),
)

_TOKENS: Final = (
    r"A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])(?:[\s:,;/|\"']{1,10}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+]))?"  # Amazon
    r"|gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}"
    r"|gl(?:pat|ptt|dt|rt|cbt|soat|ft|agent|oas|imt|ffct)-[\w-]{20,64}(?:\.[\w.-]{1,40})?"  # GitLab
    r"|xox[a-z](?:\.xox[a-z])?-[\w-]{10,255}|xapp-\d-[\w-]{10,255}"  # Slack
    r"|(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,255}|whsec_[\w+/=]{16,255}"  # Stripe
    r"|AIza[\w-]{30,40}|ya29\.[\w-]{16,2000}|GOCSPX-[\w-]{16,64}|1//0[\w-]{30,255}"  # Google
    r"|hf_[A-Za-z]{30,64}|npm_[A-Za-z0-9]{30,64}|pypi-[\w-]{50,500}|SG\.[\w-]{16,32}\.[\w-]{16,64}"
    r"|do[opr]_v1_[a-f0-9]{40,64}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|dapi[a-f0-9]{32}(?:-\d)?|ATATT3[\w=-]{50,255}"
    r"|(?:glsa|lin_api|figd|dckr_pat|tskey|PMAK|hvs|hvb|AGE-SECRET-KEY)[_.-][\w.-]{30,255}"
    r"|\d{8,10}:AA[\w-]{30,40}"  # Telegram
    r"|eyJ[\w-]{10,4000}(?:(?:\.|%2E)[\w-]{0,4000}){0,4}"  # JWT
)
_TOKENS_BEGIN: Final = """
akia asia ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- glptt- gldt- glrt- glcbt- glsoat- glft- glagent- gloas- glimt-
glffct- xox xapp- _live_ _test_ whsec_ aiza ya29. gocspx- 1//0 hf_ npm_ pypi- sg. _v1_ shpat_ shpca_ shppa_ shpss_ dapi
atatt3 glsa_ lin_api figd_ dckr_pat tskey- pmak- hvs. hvb. age-secret-key :aa eyj
"""
_LONG: tuple[_Shape, ...] = (
    _Shape(tuple(_TOKENS_BEGIN.split()), re.compile(rf"(?<![A-Za-z0-9])(?:{_TOKENS})")),
    _Shape(
        ("sk-", "rt_", "ntn_", "sbp_"),
        re.compile(r"(?<![A-Za-z0-9])(?:sk-|rt_|ntn_|sbp_)[\w-]{20,255}"),
        _has_capital_and_digit,
    ),
    _Shape(
        ("code=", "ticket=", "saml", "assertion=", "state="),
        re.compile(r"[?&;](?i:code|ticket|saml(?:art|request|response)|assertion|state)=([^\s&\"'<>#]{16,4000})"),
    ),
    _Shape(("signature=",), re.compile(r"(?i:\bsignature)=([0-9a-fA-F]{32,128})")),
    _Shape(("%40",), re.compile(r"(?i:%3A%2F%2F)[\w.~+-]{0,200}(?i:%3A)((?:[\w.~!*+-]|%(?!40)){1,400})%40")),
    _Shape(("$2", "$5$", "$6$", "$y$", "$argon"), re.compile(r"\$(?:2[aby]|5|6|y|argon2id?)\$[\w./+=,$-]{20,255}")),
    _Shape(("/bot",), re.compile(r"/bot(\d{6,12}:[\w-]{30,50})")),
    _Shape(("hooks.slack.com",), re.compile(r"hooks\.slack\.com/\w{5,12}/([\w/-]{10,200})")),
    _Shape(("webhooks/", "webhookb2/"), re.compile(r"/(?:api/webhooks/\d{5,30}|webhookb2)/([\w@/-]{20,300})")),
)

_PRIVATE_KEY: Final = r"(?:[ +A-Z0-9]|%20){0,60}?PRIVATE(?:[ +_]|%20)KEY(?:[ +]BLOCK)? ?-{4,5}"
_QUOTED: Final = r"""(?:"([^"\n]{1,200})"|'([^'\n]{1,200})'|([^\s"'`][^\s"'`]{0,199}))"""  # one word to a shell
_SPOKEN: tuple[_Shape, ...] = (
    _Shape(
        ("private",),
        re.compile(rf"-{{4,5}} ?BEGIN{_PRIVATE_KEY}.*?(?:-{{4,5}} ?END{_PRIVATE_KEY}|\Z)", re.DOTALL),
    ),
    _Shape(("private-lines",), re.compile(r"Private-Lines: \d{1,4}(.*?)(?:Private-MAC|\Z)", re.DOTALL)),
    _Shape(("bearer",), re.compile(r"(?i:\bbearer)(?:\s|%20|\+){1,4}([\w+/.~=%-]{7,4000})"), _is_token),
    _Shape(
        ("basic",), re.compile(r"(?i:\bbasic)(?:\s|%20|\+){1,4}([A-Za-z0-9+/]{6,1000}={0,2})"), _is_name_and_password
    ),
    _Shape(("sharedkey",), re.compile(r"(?i:\bsharedkey(?:lite)?)\s{1,4}[\w-]{1,64}:([\w+/=.-]{6,500})")),
    _Shape(("negotiate", "ntlm"), re.compile(r"(?i:\b(?:negotiate|ntlm))\s{1,4}([A-Za-z0-9+/]{40,8000}={0,2})")),
    _Shape(
        ("typ", "enter", "input", "fill", "set", "writ", "sen", "past"),
        re.compile(
            r"(?i:\b(?:typ|enter|input|fill|set|writ|sen[dt]|past)\w{0,9})(?:\s(?:\w[\w ]{0,20}\s)?|\()"
            r"(?P<quote>[\"'])(?P<secret>[^\"'\n]{1,200})(?P=quote)\)?\s(?:in|into|to|for|as)\s(?P<place>[^\n]{0,80})"
        ),
        _is_typed_secret,
    ),
    _Shape(
        ("identified",),
        re.compile(rf"(?i:\b(?:user|to)\s{{1,4}}\S{{1,100}}\s{{1,4}}identified\s{{1,4}}by)\s{{1,4}}{_QUOTED}"),
    ),
)
_END_OF_KEY = re.compile(rf"-{{4,5}} ?END{_PRIVATE_KEY}")
_KEY_BODY: Final = string.ascii_letters + string.digits + "+/=\r\n\t"

_GAP: Final = r"""(?:\s|["'],\s{0,2}["'])"""  # between words of a command line, also where it is a list
_ON: Final = rf"[^\n|;]{{0,200}}?{_GAP}"


def _option(commands: str, option: str, *guards: str) -> _Shape:
    return _Shape(guards, re.compile(rf"\b(?i:{commands})(?:\.exe)?\b{_ON}{option}{_QUOTED}"))


_OPTIONS: tuple[_Shape, ...] = (
    _option("sshpass", rf"-p{_GAP}{{0,3}}", "sshpass"),
    _option(r"mysql\w{0,8}|mariadb[\w-]{0,8}|7zz?[ar]?|rar|unrar", "-p", "mysql", "mariadb", "7z", "rar"),
    _option("(?:docker|podman|az|oc|skopeo|buildah) login", rf"-p{_GAP}{{0,3}}", " login"),
    _option("plink|pscp|psftp", rf"-pw{_GAP}{{1,3}}", "plink", "pscp", "psftp"),
    _option(r"psexec(?:64)?|mongo\w{0,8}", rf"-p{_GAP}{{1,3}}", "psexec", "mongo"),
    _option(r"sqlcmd|bcp|osql|mosquitto_\w{3}|(?:un)?zip", rf"-P{_GAP}{{0,3}}", "sqlcmd", "bcp", "osql", "mosq", "zip"),
    _option(r"redis-cli", rf"-a{_GAP}{{1,3}}", "redis-cli"),
    _option(r"ldap\w{3,8}", rf"-w{_GAP}{{1,3}}", "ldap"),
    _option(r"\w{0,3}freerdp3?", "/p:", "freerdp"),
    _option("lftp", rf"-u{_GAP}{{1,3}}[^\s,\"']{{1,64}},", "lftp"),
    _option("smbclient|rpcclient|smbmap", rf"-U{_GAP}{{0,3}}[^\s%\"']{{1,64}}%", "smb", "rpcc"),
    _Shape(("net",), re.compile(rf"(?i:\bnet(?:\.exe)?{_GAP}use){_ON}(?![\\/]|[A-Za-z]:){_QUOTED}{_GAP}(?i:/user):")),
    _option(r"net", rf"/user:[^\s\"']{{1,100}}{_GAP}{{1,3}}(?!/)", "net"),
    _Shape(
        ("net",),
        re.compile(rf"(?i:\bnet(?:\.exe)?{_GAP}user){_GAP}{{1,3}}[^\s/\"']{{1,100}}{_GAP}{{1,3}}(?!/){_QUOTED}"),
    ),
    _Shape(
        ("curl", "wget"),
        re.compile(
            rf"\b(?i:curl|wget)(?:\.exe)?\b{_ON}(?:-u|--user|-U|--proxy-user)(?:{_GAP}{{1,3}}|=)?[\"']?"
            r"[^\s:\"'/=]{1,100}:([^\s\"']{1,200})"
        ),
    ),
)

_LONG_WORD: Final = 20
_BLANK_AND_WORD = re.compile(r" \S{20}")  # begins with one certain character: four times as fast as without
_OPTION_SIGNS: Final = (" -", " /", "'-", '"-')

SIGNS: Final = ("@", *_OPTION_SIGNS, "bearer", "basic", "identified", "key")
"""A text that has none of these (in lower case), no long word and no name of a secret has no secret of these shapes."""


def has_long_word(text: str) -> bool:
    """Whether 20 characters may stand in a row without a blank: the shortest of known tokens are as long."""
    if len(text) < _LONG_WORD:
        return False
    return " " not in text[:_LONG_WORD] or _BLANK_AND_WORD.search(text) is not None or not text.isprintable()


def shaped_secrets(text: str, low: str) -> Iterator[Span]:
    """Where a text has secrets that are known by their looks; spans may overlap.

    Parameters
    ----------
    text : str
        The text.
    low : str
        The same in lower case.

    Yields
    ------
    tuple of int
        Beginning and end.

    Examples
    --------
    >>> text = "GET https://bot:hunter2@erp.example/x"
    >>> {text[begin:end] for begin, end in shaped_secrets(text, text.lower())}
    {'hunter2'}
    """
    if "@" in text:
        yield from _matches(_IN_ADDRESSES, text, low)
    if has_long_word(text):
        yield from _matches(_LONG, text, low)
    if any(sign in text for sign in _OPTION_SIGNS):
        yield from _matches(_OPTIONS, text, low)


def announced_secrets(text: str, low: str) -> Iterator[Span]:
    """Where a text has secrets that words announce which are no names: private keys, ``Bearer`` and ``Basic``.

    Parameters
    ----------
    text, low : str
        As for `shaped_secrets`.

    Yields
    ------
    tuple of int
        Beginning and end.

    Examples
    --------
    >>> text = "sent Basic Ym90Omh1bnRlcjI= and the form Basic Data"
    >>> [text[begin:end] for begin, end in announced_secrets(text, text.lower())]
    ['Ym90Omh1bnRlcjI=']
    """
    yield from _matches(_SPOKEN, text, low)
    if "private" in low:
        yield from _key_ends(text)


def _matches(shapes: tuple[_Shape, ...], text: str, low: str) -> Iterator[Span]:
    for guards, pattern, holds in shapes:
        if not any(guard in low for guard in guards):
            continue
        for found in pattern.finditer(text):
            if holds and not holds(found):
                continue
            if "secret" in pattern.groupindex:
                yield found.span("secret")
            elif pattern.groups:
                yield from (found.span(at) for at in range(1, pattern.groups + 1) if found[at] is not None)
            else:
                yield found.span()


def _key_ends(text: str) -> Iterator[Span]:
    """The bodies of private keys whose beginnings were cut off."""
    before = 0
    for found in _END_OF_KEY.finditer(text):
        head = text[before : found.start()]
        yield before + len(head.rstrip(_KEY_BODY)), found.end()
        before = found.end()
