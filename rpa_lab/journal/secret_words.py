"""Is a word a secret, or something that people say? ``Password: sunshine`` and ``Password: required`` look alike.

Where the place leaves it open, a word is judged by its looks: ``Summer2024!`` is made up, ``expired``, ``utf-8``,
``30s`` and ``/tmp/x1`` are not.
"""

from __future__ import annotations

import re
from typing import Final

from rpa_lab.journal.secret_names import SecretKind

__all__ = ["is_placeholder", "is_said", "looks_mixed", "looks_random"]

_SHORTEST: Final = 6  # characters of what may look random
_LONGEST: Final = 500  # characters of it that are looked at
_ALWAYS_RANDOM: Final = 20  # characters from which a token needs no digit

_PLACEHOLDER = re.compile(
    r"\[(?:redacted[^\]]{0,20}|filtered|hidden|masked)\]?(?:… \[cut\])?|… \[cut\]"
    r"|\*+|•+|x{3,}|\.{2,}|…+|-+|_+|<[a-z][a-z _-]{0,40}>"
    r"|\$\{[\w.: -]{1,60}\}|\$\([\w.: -]{1,60}\)|(?-i:\$[A-Z][A-Z_]{2,40}|%[A-Z_]{3,40}%)"
    r"|\{\{[\w.: -]{1,60}\}\}|[@%&]\{[\w.: -]{1,60}\}|%[srd]|%\(\w{1,40}\)[srd]|\{\d?\}"
    r"|none|null|nil|undefined|true|false|n/a|nan",
    re.IGNORECASE,
)
_EXPRESSION = re.compile(
    r"(?:self|cls|this)\.[A-Za-z_.]{1,60}|[A-Za-z_.]{2,60}\((?:[a-z_.]{1,40}(?:, ?[a-z_.]{1,40}){0,3})?\)"
)
"""What stands for it in a line of a program: ``self.password``, ``read(vault)``."""
_ORDINARY = re.compile(
    r"\d{1,4}[-/.:]\d{1,2}[-/.:T ]\S*"  # dates, times
    r"|v?\d+(?:\.\d+)+\S{0,10}"  # versions
    r"|\d+(?:[.,]\d+)?(?:ms|s|sec|min|m|h|d|days?|[kmg]i?b|px|x|th|st|nd|rd|%|bits?|bytes?|chars?)"
    r"|0x[0-9a-f]+|[\w.+-]+@[\w-]+\.[\w.]+|[a-z][a-z\d+.-]{1,20}://\S*|[\w.]+\(.*"
    r"|(?:utf|base|sha|md|aes|rsa|http|tls|ssl|oauth|win|windows|python|ipv|ntlmv)-?\d{1,4}(?:-\w+)?"
    r"|(?:line|step|field|row|column|page|item|index|input|node|attempt|case|test|user|bot|robot|host)[-_#:=]?\d+",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"[#.\[/~]|\\\\|[a-z]:[\\/]|(?:css|xpath|id|name|text|class|role|link|label|tag|data)[=:]", re.IGNORECASE
)
"""How selectors and paths begin. A password may begin so, too: these count only where little else speaks for one."""
_IDENTIFIER = re.compile(r"[A-Za-z]+(?:[-_.][A-Za-z]+)*[-_.]?\d{0,3}")
_SWITCH = re.compile(r"[a-z][A-Z]")
_SYMBOL = re.compile(r"[!$%^*~#@&+=?§]")

_SENTENCES: Final = """
a about after again all already also an and any are as ask at attribute authentication bad be been before bool both
but by bytes can cannot change changed changes check confirm contain contains could creation current default denied
dict did differ different differs disabled do does doesn don't element empty enabled enter entered error exceeded
exceeds exists expected expire expired expires expiry failed fails failure field fields first float focus for forgot
found from function get given has have hidden hover if ignored in incorrect input int invalid is isn't it its label
last length letters list locked login lost made malformed mandatory match matches may method min minimum mismatch
missing must need needed needs never new next no none not null object of ok old on one only optional or out page
please policy prompt property refresh refused rejected repeat request required requires reset revoked same saved
secret secretbytes secretstr see set should show shown signature stored str strength string text textbox that the
there they this to token too type typed unable unauthorized unexpected unknown unset update updated use used user
valid value verification verify visible wait was weak were when which while will with without wrong yes you your
abgelaufen bitte darf der die das eingeben erforderlich falsch fehlt feld geändert gesperrt ist kein leer muss nicht
oder stimmt ungültig vergessen war wird wurde zu
est et expiré incorrecte invalide le la les manquant obligatoire oublié
el es incorrecta inválida olvidada olvidó vacía
"""
_SAID = frozenset(_SENTENCES.split())


def is_placeholder(value: str) -> bool:
    """Whether it only stands where a secret was or will be.

    Examples
    --------
    >>> is_placeholder("${DB_PASSWORD}"), is_placeholder("****"), is_placeholder("None"), is_placeholder("$ecret")
    (True, True, True, False)
    """
    return _PLACEHOLDER.fullmatch(value) is not None or _EXPRESSION.fullmatch(value) is not None


def is_said(word: str) -> bool:
    """Whether people say this word where they speak about passwords and tokens.

    Examples
    --------
    >>> is_said("expired."), is_said("sunshine")
    (True, False)
    """
    return word.strip(".,;:!?\"'`()[]{}<>").lower() in _SAID


def looks_random(value: str, kind: SecretKind, *, anywhere: bool = True) -> bool:
    """Whether a word looks made up, as secrets are.

    Parameters
    ----------
    value : str
        Without blanks.
    kind : str
        What it would be; a password is shorter than a token.
    anywhere : bool
        Whether it may stand anywhere, so that it could as well be a selector or a path.

    Returns
    -------
    bool

    Examples
    --------
    >>> [looks_random(word, "token") for word in ("q7Zt09xkPw", "expired", "field1", "sha256", "2026-11-03")]
    [True, False, False, False, False]
    >>> looks_random("hunter2", "password"), looks_random("hunter", "password"), looks_random("30s", "password")
    (True, False, False)
    """
    word = value[:_LONGEST].rstrip(".,:;)]}>'\"").lstrip("'\"([{<")
    if len(word) < _SHORTEST or _ORDINARY.fullmatch(word) or (anywhere and _PLACE.match(word)):
        return False
    letters, digits = any(c.isalpha() for c in word), any(c.isdigit() for c in word)
    if kind in ("password", "code"):
        return letters and (digits or _SYMBOL.search(word[:-1]) is not None or _is_scattered(word))
    if _IDENTIFIER.fullmatch(word):
        return word.isalnum() and ((len(word) >= _ALWAYS_RANDOM and not word.islower()) or _is_scattered(word))
    return (letters and digits and len(word) >= 8) or word.isdecimal() or len(word) >= _ALWAYS_RANDOM


def looks_mixed(value: str) -> bool:
    """Whether a word has three of capitals, small letters, digits and others, as passwords must where there are rules.

    Examples
    --------
    >>> looks_mixed("Summer2024!"), looks_mixed("Manager"), looks_mixed("sha256")
    (True, False, False)
    """
    word = value[:_LONGEST].rstrip(".,:;)]}>'\"")
    tests = (str.isupper, str.islower, str.isdigit, lambda c: not c.isalnum())
    return len(word) >= 8 and sum(any(map(test, word)) for test in tests) >= 3 and looks_random(word, "password")


def _is_scattered(word: str) -> bool:
    """Whether capitals stand here and there, more than in the names of classes."""
    capitals = sum(map(str.isupper, word))
    return len(word) >= 8 and 4 * capitals >= len(word) and len(_SWITCH.findall(word)) > 1 and not word.isupper()
