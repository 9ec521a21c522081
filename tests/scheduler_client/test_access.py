"""What the client shows a service: certificates and tokens, from options and the environment."""

import datetime

import pytest

from scheduler_client import Access, InvalidRequestError, LengthPredictorClient
from scheduler_client.access import TokenFile
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.certificate import expired_on
from scheduler_client.cli.commands import main
from tests.predictor_service.certificates import DAY, Authority

TOKEN = "some-token-of-some-length"


def test_all_of_it_comes_from_the_environment_too():
    found = Access.from_environment(
        {
            "LENGTHWISE_TLS_CA_FILE": "ca",
            "LENGTHWISE_TLS_CERT_FILE": "cert",
            "LENGTHWISE_TLS_KEY_FILE": "key",
            "LENGTHWISE_TOKEN_FILE": " token ",
        }
    )
    assert found == Access("ca", "cert", "key", "token")
    assert Access.from_environment({}) == Access()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tls_ca": "a", "tls_cert": "c"}, "--tls-cert / LENGTHWISE_TLS_CERT_FILE is 'c': .*"),
        ({"tls_ca": "a", "tls_key": "k"}, "expected --tls-cert / LENGTHWISE_TLS_CERT_FILE with it"),
        ({"tls_cert": "c", "tls_key": "k"}, "expected --tls-ca / .* which turns TLS on"),
    ],
)
def test_files_that_do_not_belong_together_are_refused_with_what_is_missing(options, message):
    with pytest.raises(InvalidRequestError, match=message):
        Access(**options)


@pytest.mark.parametrize("option", ["tls_ca", "token"])
def test_a_file_that_cannot_be_read_is_named(option):
    with pytest.raises(InvalidRequestError, match="'/no/such/file': it cannot be read: No such"):
        LengthPredictorClient("127.0.0.1:1", access=Access(**{option: "/no/such/file"}))


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "holds no token"), ("# nothing\n", "holds no token"), ("t\u00f6ken", "ASCII")],
)
def test_a_file_without_a_token_is_refused(tmp_path, text, message):
    (tmp_path / "token").write_text(text, "utf-8")
    with pytest.raises(InvalidRequestError, match=message):
        TokenFile(tmp_path / "token", "--token-file")


def test_the_services_own_file_of_tokens_will_do(tmp_path):
    (tmp_path / "token").write_text(f"# the engines'\nengine {TOKEN}\nother x\n")
    found = TokenFile(tmp_path / "token", "--token-file").metadata()
    assert found == (("authorization", f"Bearer {TOKEN}"),)


def test_a_token_that_is_being_replaced_is_kept_until_the_new_one_is_there(tmp_path):
    path = tmp_path / "token"
    path.write_text("old")
    token = TokenFile(path, "--token-file")
    path.write_text("")
    assert token.metadata() == (("authorization", "Bearer old"),)
    path.unlink()
    assert token.metadata() == (("authorization", "Bearer old"),)
    path.write_text("new")
    assert token.metadata() == (("authorization", "Bearer new"),)


@pytest.mark.parametrize("years", [0, 60])
def test_the_end_of_a_certificate_is_read_in_both_of_its_forms(tmp_path, years):
    pair = Authority(tmp_path).issue("engine", lasts=DAY * (365 * years + 1))
    now = datetime.datetime.now(datetime.UTC)
    assert expired_on(pair.cert, now) is None
    ended = expired_on(pair.cert, now + DAY * (365 * years + 2))
    assert ended is not None
    assert abs(ended - (now + DAY * (365 * years + 1))) < datetime.timedelta(minutes=5)


@pytest.mark.parametrize("text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAA=="])
def test_what_is_no_certificate_has_not_expired(tmp_path, text):
    (tmp_path / "cert").write_text(text)
    assert expired_on(tmp_path / "cert") is None


def test_every_command_takes_the_options_and_says_what_is_wrong_with_one(tmp_path, capsys):
    commands = (["predict", "hello"], ["info"], ["health"], ["switch"], ["rollback"])
    for command in (*commands, ["report", "--prompt", "p", "--output-tokens", "1"]):
        assert main([*command, "--token-file", str(tmp_path / "none")]) == 2
        assert "--token-file / LENGTHWISE_TOKEN_FILE is" in capsys.readouterr().err


def test_a_command_takes_the_token_from_the_environment(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LENGTHWISE_TOKEN_FILE", str(tmp_path / "none"))
    assert main(["health"]) == 2
    assert "LENGTHWISE_TOKEN_FILE is" in capsys.readouterr().err


def test_inside_an_engine_the_variables_give_the_same(tmp_path):
    for name in ("ca", "token"):
        (tmp_path / name).write_text(TOKEN)
    env = {
        "LENGTHWISE_TARGET": "predictor:50051",
        "LENGTHWISE_TLS_CA_FILE": str(tmp_path / "ca"),
        "LENGTHWISE_TOKEN_FILE": str(tmp_path / "token"),
    }
    settings = AdvisorSettings.from_environment(env)
    assert settings is not None
    assert settings.access == Access(str(tmp_path / "ca"), token=str(tmp_path / "token"))


def test_inside_an_engine_a_missing_file_stops_the_start_with_its_variable(tmp_path):
    env = {"LENGTHWISE_TARGET": "p:1", "LENGTHWISE_TOKEN_FILE": str(tmp_path / "none")}
    with pytest.raises(ValueError, match=r"LENGTHWISE_TOKEN_FILE is .*cannot be read"):
        AdvisorSettings.from_environment(env)
