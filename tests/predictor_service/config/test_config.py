"""The configuration: where values come from, and what a bad one is told."""

import pytest

from predictor_service.cli import build_parser, main
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
    monkeypatch.setattr("predictor_service.batching.threads.available_cores", lambda: 8)
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


def write_file(tmp_path, text):
    file = tmp_path / "service.toml"
    file.write_text(text)
    return file


def test_flags_override_the_environment_which_overrides_the_file(tmp_path, monkeypatch):
    file = write_file(
        tmp_path, f'index = "{tmp_path}"\nport = 1\nmax_batch_size = 2\ncache_capacity = 3\n'
    )
    monkeypatch.setenv("LENGTHWISE_PORT", "11")
    monkeypatch.setenv("LENGTHWISE_MAX_BATCH_SIZE", "12")
    config = read_config({"config": file, "port": "21"})
    assert (config.port, config.max_batch_size, config.cache_capacity) == (21, 12, 3)


def test_the_environment_names_the_file_too(tmp_path, monkeypatch):
    file = write_file(tmp_path, f'index = "{tmp_path}"\nport = 7\n')
    monkeypatch.setenv("LENGTHWISE_CONFIG", str(file))
    assert read_config({}).port == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", "service.toml: prot is no option: did you mean port?"),
        ("max-batch-size = 1", "max-batch-size is no option: did you mean max_batch_size?"),
        ("[log]\nlevel = 'info'", "service.toml: [log] is a table: expected lines of name = value"),
        (
            "port = 99999",
            "service.toml: port is '99999': expected a whole number from 0 to 65,535",
        ),
        ("log_format = 'xml'", "log_format is 'xml': expected 'console' or 'json'"),
        (
            "completions_max_age_days = 0",
            "completions_max_age_days is '0': expected a number from 0.001 to 36,500",
        ),
        ("port = ", "service.toml is not TOML"),
    ],
)
def test_a_bad_line_of_the_file_names_file_key_value_and_what_is_accepted(tmp_path, text, message):
    file = write_file(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_config({"index": tmp_path, "config": file})
    assert message in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"LENGTHWISE_CONFIG / --config is .*: No such file"):
        read_config({"index": tmp_path, "config": tmp_path / "none.toml"})


def test_print_config_says_of_every_option_where_it_comes_from(tmp_path, monkeypatch, capsys):
    file = write_file(tmp_path, "max_batch_size = 5\n")
    monkeypatch.setenv("LENGTHWISE_THREADS", "3")
    flags = ["--index", str(tmp_path), "--config", str(file), "--print-config"]
    assert main(flags) == 0
    printed = capsys.readouterr().out
    assert f"max_batch_size = 5  # file {file}\n" in printed
    assert "threads = 3  # environment LENGTHWISE_THREADS\n" in printed
    assert f'index = "{tmp_path}"  # flag --index\n' in printed
    assert "port = 50051  # default\n" in printed
    assert "# port_file is not set  # default\n" in printed


def test_what_print_config_prints_is_a_file_that_gives_the_same_configuration(tmp_path, capsys):
    assert main(["--index", str(tmp_path), "--port", "5", "--print-config"]) == 0
    file = write_file(tmp_path, capsys.readouterr().out)
    assert read_config({"config": file}) == read_config({"index": tmp_path, "port": 5})


@pytest.mark.parametrize(
    "place",
    ["postgresql://user:hunter2@db/lengths", "postgresql://db/lengths?user=u&password=hunter2"],
)
def test_no_password_is_printed(tmp_path, capsys, place):
    assert main(["--index", str(tmp_path), "--completions", place, "--print-config"]) == 0
    assert main(["--index", str(tmp_path), "--completions-max-bytes", place]) == 1
    both = capsys.readouterr()
    assert "postgresql://" in both.out
    assert "hunter2" not in both.out + both.err


def test_tls_takes_a_certificate_and_its_key(tmp_path):
    (tmp_path / "cert.pem").touch()
    with pytest.raises(ConfigError, match="--tls-cert-file and --tls-key-file: expected both"):
        read_config({"index": tmp_path, "tls_cert_file": tmp_path / "cert.pem"})


def test_the_metrics_have_a_port_of_their_own(tmp_path):
    with pytest.raises(ConfigError, match="expected another port than --port, 9000"):
        read_config({"index": tmp_path, "port": 9_000, "processes": 2, "metrics_port": 8_999})
