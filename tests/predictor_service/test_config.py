"""The configuration: where values come from, and what a bad one is told."""

import pytest

from predictor_service.cli import build_parser
from predictor_service.config import ServiceConfig, read_config
from predictor_service.errors import ConfigError


def test_flags_override_the_environment_which_overrides_defaults(tmp_path, monkeypatch):
    monkeypatch.setenv("LENGTHWISE_PORT", "1234")
    monkeypatch.setenv("LENGTHWISE_MAX_BATCH_SIZE", "8")
    config = read_config({"index": str(tmp_path), "port": "4321"})
    assert (config.port, config.max_batch_size, config.host) == (4321, 8, "127.0.0.1")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        (
            "port",
            "99999",
            "LENGTHWISE_PORT / --port is '99999': expected a whole number from 0 to 65,535",
        ),
        ("port", "http", "LENGTHWISE_PORT / --port is 'http': expected a whole number"),
        (
            "max_batch_wait_ms",
            "-1",
            "--max-batch-wait-ms is '-1': expected a number from 0 to 1,000",
        ),
        ("processes", "0", "--processes is '0': expected a whole number from 1 to 256"),
        ("threads", "0", "--threads is '0': expected a whole number from 1 to 1,024"),
        ("log_format", "xml", "--log-format is 'xml': expected 'console' or 'json'"),
        ("index", "/no/such/folder", "--index is '/no/such/folder': expected an existing folder"),
        (
            "max_batch_items",
            "100000",
            "--max-batch-items is '100000': expected at most queue_capacity",
        ),
        ("queue_capacity", "3", "--queue-capacity is '3': expected at least max_batch_size, 128"),
    ],
)
def test_a_bad_value_names_the_option_the_value_and_what_is_accepted(
    tmp_path, monkeypatch, option, value, message
):
    with pytest.raises(ConfigError) as caught:
        read_config({"index": tmp_path} | {option: value})
    assert message in str(caught.value)
    monkeypatch.setenv(f"LENGTHWISE_{option.upper()}", value)
    with pytest.raises(ConfigError) as caught:
        read_config({} if option == "index" else {"index": tmp_path})
    assert message in str(caught.value)


def test_a_missing_index_says_what_is_expected():
    with pytest.raises(
        ConfigError, match="LENGTHWISE_INDEX / --index is missing: expected the folder"
    ):
        read_config({})


def test_every_bad_value_is_told_at_once(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_config({"index": tmp_path, "port": "x", "processes": "x"})
    assert len(str(caught.value).splitlines()) == 2


def test_a_unix_socket_is_not_for_several_processes(tmp_path):
    with pytest.raises(ConfigError, match="cannot be shared"):
        read_config({"index": tmp_path, "host": "unix:/tmp/s", "processes": 2})


def test_the_configuration_cannot_be_changed(tmp_path):
    config = read_config({"index": tmp_path})
    with pytest.raises(ValueError, match="frozen"):
        config.port = 1


def test_threads_are_divided_among_processes(tmp_path, monkeypatch):
    monkeypatch.setattr("predictor_service.threads.available_cores", lambda: 8)
    assert read_config({"index": tmp_path, "processes": 3}).compute_threads == 2
    assert read_config({"index": tmp_path, "processes": 9}).compute_threads == 1
    assert read_config({"index": tmp_path, "threads": 5}).compute_threads == 5


def test_every_core_computes_a_micro_batch_of_its_own_up_to_eight(tmp_path):
    assert read_config({"index": tmp_path, "threads": 5}).lanes == 5
    assert read_config({"index": tmp_path, "threads": 32}).lanes == 8


def test_every_option_has_a_flag_with_help(capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--help"])
    text = capsys.readouterr().out
    for name, field in ServiceConfig.model_fields.items():
        assert "--" + name.replace("_", "-") in text
        assert field.description
