from __future__ import annotations

import pytest

from rpa_lab.journal.secret_names import is_count, secret_kind

SECRET = {
    "password": """password userPassword DB_PASSWORD PGPASSWORD password2 PASSWORD_ERP PassWord new_password
        password_hash spring.datasource.password Passwort Kennwort kennwort_alt contraseña CONTRASEÑA senha mot-de-passe
        motDePasse
        wachtwoord hasło пароль 密码 パスワード passphrase seed_phrase securityAnswer pass user.pass pwd dbPwd pw mdp
        password_reset_link""",
    "token": """token TOKEN csrftoken authToken access_token id_token refreshToken apiKey api_key X-Api-Key APIKEY
        AWS_SECRET_ACCESS_KEY secretAccessKey SharedAccessKey AccountKey client_secret clientsecret SECRET_KEY_BASE
        sessionId session_id JSESSIONID PHPSESSID ASP.NET_SessionId credentials creds basic_auth bearer jwt licenseKey
        ssh_key x-amz-signature sig tokens secrets master-key""",
    "header": "Authorization proxy-authorization Cookie Set-Cookie cookies",
    "code": "otp pin PIN user_pin cvv cvv2 security_code verificationCode one_time_code 2fa_code",
}
OF_TWO_WORDS = {
    "mot de passe": "password",
    "Api Key": "token",
    "session id": "token",
    "private key": "token",
    "verification code": "code",
}
HARMLESS = """
    monkey keyboard keynote hotkey donkey primary_key public_key partitionKey foreign_key business_key key keys KeyError
    compass bypass passenger passed passage surpass trespass pass_rate tests_pass password_field passwordField
    password_policy max_tokens token_count token_type tokenizer TokenExpiredError SecretSanta secretary author authority
    authenticate auth_url session session_timeout is_password_set hasPassword shipping pinned spinner opinion typing
    mapping pins code error_code status_code zip_code cookie_banner cookieConsent passport_no sign design signature
    assigned login username credential_provider secret_name registry keyword press_key crypt expires_in
"""


@pytest.mark.parametrize("kind", SECRET)
def test_a_name_says_what_kind_of_secret_its_value_is(kind: str) -> None:
    assert {name: secret_kind(name) for name in SECRET[kind].split()} == dict.fromkeys(SECRET[kind].split(), kind)


@pytest.mark.parametrize(("name", "kind"), OF_TWO_WORDS.items())
def test_names_of_several_words_are_understood(name: str, kind: str) -> None:
    assert secret_kind(name) == kind


def test_other_names_say_nothing_of_the_sort() -> None:
    assert {name: kind for name in HARMLESS.split() if (kind := secret_kind(name))} == {}


def test_of_a_very_long_name_the_end_is_read() -> None:
    assert secret_kind("x_" * 10_000 + "password") == "password"


def test_a_number_under_a_plural_is_a_count() -> None:
    assert is_count("cookies", 3)
    assert is_count("pass", 12)
    assert is_count("tokens", True)
    assert not is_count("token", 3)
    assert not is_count("pass", 12345678)
    assert not is_count("cookies", "a=b")
