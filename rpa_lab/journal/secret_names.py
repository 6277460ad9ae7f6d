"""Does a name say that its value is a secret? Keys of JSON, headers, variables, options, fields of forms.

A name is read word by word: ``userPassword``, ``DB_PASSWORD``, ``X-Api-Key`` and ``access token`` say so, and so does
``PASSWORD_2``; ``password_field``, ``max_tokens``, ``keyboard`` and ``compass`` don't.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal

__all__ = ["SecretKind", "is_count", "secret_kind"]

SecretKind = Literal["password", "token", "header", "code"]
"""A *password* may be any word; a *token* (or key) is random; a *header* is secret to the end of its line; a *code* (a
PIN, a one-time password) is made of digits."""

_LONGEST: Final = 100  # characters of a name; of a longer one the end is read
_MANY: Final = 100_000  # so many tests don't pass, but a password may be such a number


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ANY_WORD = _set(  # in the languages of those who write bots; people leave accents out, too
    "password passwords passwd passwds passphrase passphrases passcode pwd pwds psw pswd passwrd pword userpass "
    "dbpass ftppass smtppass mailpass sshpass storepass keypass passwort passwörter passwoerter kennwort kennwörter "
    "kennwoerter losungswort mdp motdepasse contraseña contraseñas contrasena contrasenas contrasenia senha senhas "
    "wachtwoord wachtwoorden hasło haslo heslo jelszó jelszo lösenord losenord passord adgangskode salasana parola "
    "parolă şifre sifre lozinka пароль пароли 密码 密碼 口令 パスワード 비밀번호 암호 סיסמה סיסמא"
)
_RANDOM_WORD = _set(
    "secret secrets token jwt credential credentials cred creds bearer zugangsdaten geheimnis apikey apikeys authkey "
    "authtoken sessionid sessid phpsessid jsessionid"
)
_CODE_WORD = _set("pin otp totp hotp cvv cvc puk")
_KEY_OWNERS = _set(
    "access account admin aes api app application auth cipher client consumer crypto decryption deploy encrypt "
    "encryption functions hmac licence license master pgp private product rsa secret service shared signing ssh "
    "storage subscription wallet webhook"
)
"""A key is secret where one of these owns it: an API key is, a primary key or the key Enter isn't."""
_CODE_OWNERS = _set("access activation auth backup fa login mfa otp pin recovery security sms verification")
"""The same for codes (``2fa_code``); an error code is none."""
_PASS_OWNERS = _set("admin db email ftp http login mail my mysql pg proxy redis root smtp ssh sudo user")
"""The same for a ``pass``, which a test may do."""
_PAIRS = frozenset(
    [("id", "session"), ("id", "sess"), *(("signature", owner) for owner in ("access", "amz", "goog", "hub"))]
)
_PLURAL = _set("tokens passwords passwds secrets cookies credentials creds apikeys keys contraseñas senhas pass")
_FUSED: tuple[tuple[tuple[str, ...], SecretKind], ...] = (
    (("password", "passwd", "passwort", "kennwort", "passphrase", "wachtwoord"), "password"),
    (("secret", "token", "apikey", "accesskey", "secretkey", "privatekey", "accountkey", "authkey", "pwd"), "token"),
    (("sessionid", "sessid"), "token"),
    (("пароль", "密码", "密碼", "パスワード", "비밀번호"), "password"),
)
"""How a name may end that is written without any boundary: ``pgpassword``, ``clientsecret``."""
_HARMLESS_LAST = _set(
    "age arn attempt attempts audience authentication banner box budget button cache chars check class client "
    "consent count counts created date days dialog disabled domain element enabled endpoint env error errors "
    "exception exists expired expires expiration expiry factory failed failure field fields file filename folder "
    "form format handler helper hint host index input invalid issuer label length len level limit locator manager "
    "max message method min missing mode name names notice ok page path policy popup port present prompt provider "
    "realm reset required requirements retries retry rule rules santa saver scheme score scope scopes screen "
    "selector service set size state status store strength textbox time timeout tokenizer ttl type types updated uri "
    "url usage used user username valid validation validator validity vault version view visible warning window"
)
"""Last words that make it a name of something else: the policy of passwords, the type of a token."""
_HARMLESS_FIRST = _set("forgot has hide is max min needs no num number requires show shows total without")
_CAMEL = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+|\d+")


def secret_kind(name: str) -> SecretKind | None:
    """What kind of secret the value of a thing so named is; None where the name says nothing of the sort.

    Parameters
    ----------
    name : str
        The name, in any style of writing.

    Returns
    -------
    str or None

    Examples
    --------
    >>> [secret_kind(name) for name in ("userPassword", "X-Api-Key", "Set-Cookie", "card PIN", "primary_key")]
    ['password', 'token', 'header', 'code', None]
    """
    return _kind(name[-_LONGEST:])


def is_count(name: str, value: object) -> bool:
    """Whether a number, or a yes or no, is what the name counts and no secret: ``cookies: 3``, ``pass: 12``.

    Parameters
    ----------
    name : str
        A name that says that its value is a secret.
    value : object
        What it is.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_count("cookies", 3), is_count("cookie", 3), is_count("tests.pass", True), is_count("cookies", "a=b")
    (True, False, True, False)
    """
    words = _words(name[-_LONGEST:])
    if not isinstance(value, int | float) or not words or words[-1] not in _PLURAL:
        return False
    return words[-1] != "pass" or value < _MANY


@lru_cache(maxsize=2048)
def _kind(name: str) -> SecretKind | None:
    words = _words(name)
    if not words or words[0] in _HARMLESS_FIRST:
        return None
    kinds = (_kind_at(words, at) for at in range(len(words)))
    kind = next((kind for kind in kinds if kind), None) or _fused("".join(words))
    return None if kind and words[-1] in _HARMLESS_LAST else kind


def _words(name: str) -> list[str]:
    """The words of a name in lower case, without the numbers that tell one such thing from the next."""
    words = _WORD.findall(_CAMEL.sub(" ", name).lower())
    while len(words) > 1 and words[-1].isdecimal():
        del words[-1]
    return words


def _kind_at(words: list[str], at: int) -> SecretKind | None:
    """The kind of secret that the word there speaks of, together with the word before it."""
    word, before = words[at], words[at - 1] if at else ""
    last = at == len(words) - 1
    if word in _ANY_WORD or (word == "passe" and before == "de"):
        return "password"
    if last and (word == "pw" or (word == "pass" and (at == 0 or before in _PASS_OWNERS))):
        return "password"
    if word == "phrase" and before in ("pass", "seed", "recovery", "secret"):
        return "password"
    if word == "answer" and before in ("security", "secret"):
        return "password"
    if word in ("authorization", "cookie", "cookies"):
        return "header"
    if word in _RANDOM_WORD or (word in ("tokens", "auth", "sig") and last):
        return "token"
    if (word in ("key", "keys") and before in _KEY_OWNERS) or (word, before) in _PAIRS:
        return "token"
    if word in ("code", "codes") and (before in _CODE_OWNERS or words[at - 2 : at] == ["one", "time"]):
        return "code"
    return "code" if word in _CODE_WORD and (last or word != "pin") else None


def _fused(word: str) -> SecretKind | None:
    return next((kind for endings, kind in _FUSED if word.endswith(endings)), None)
