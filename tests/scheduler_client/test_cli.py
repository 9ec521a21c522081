"""What `python -m scheduler_client` prints and how it exits."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2

from scheduler_client.cli.commands import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(running, capsys):
    """Run a command against the fake service; gives exit code, stdout and stderr."""

    def run(command, *args):
        code = main([command, "--target", running.target, "--timeout-s", "20", *args])
        return code, *capsys.readouterr()

    return run


def start(*args, **options):
    """Start the command as a process of its own."""
    command = [sys.executable, "-m", "scheduler_client", *args]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **({"cwd": ROOT} | pipes | options))


def test_predict_prints_one_prediction_aligned(run):
    code, out, err = run("predict", "x" * 100, "--neighbours", "2")

    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "expected       100 tokens",
        "median         50 tokens",
        "90 % interval  5 to 95 tokens",
        "confidence     0.75 that the length is within a factor of two of the median",
        "basis          neighbours, nearest 0.90; LLM unknown",
        "neighbours     0.90      10 tokens  row-0  llm",
        "               0.80      11 tokens  row-1  llm",
        "index          v1",
        "time           queue 0.0 ms, encode 0.0 ms, search 0.0 ms, in a batch of 4",
    ]


def test_predict_json_prints_one_object_that_holds_the_whole_prediction(run):
    code, out, _ = run("predict", "x" * 100, "--json")

    assert code == 0
    prediction = json.loads(out)
    assert prediction["expected_tokens"] == 100
    assert prediction["p50_tokens"] == 50
    assert prediction["p90_tokens"] == 90
    assert prediction["quantile_levels"] == [0.05, 0.25, 0.5, 0.75, 0.95]
    assert prediction["basis"] == "neighbours"
    assert prediction["timing"]["batch_size"] == 4


def test_predict_sends_its_options(run, service):
    options = ("--max-tokens", "9", "--neighbours", "0", "--temperature", "0.5")
    assert run("predict", "hi", "--model", "m", *options)[0] == 0
    (sent,) = service.received
    assert (sent.model, sent.max_tokens, sent.neighbour_count) == ("m", 9, 0)
    assert sent.temperature == 0.5


def test_several_prompts_become_a_table_and_a_refused_one_fails_alone(run):
    code, out, err = run("predict", "x" * 100, "bad")

    assert code == 1
    assert out.splitlines() == [
        " expected  median   90 % interval confidence  basis       prompt",
        "      100      50         5 to 95       0.75  neighbours  " + "x" * 47 + "…",
        "  refused bad one  bad",
    ]
    assert err == "lengthwise: 1 of 2 prompts got no prediction\n"


def test_a_file_of_text_lines_is_a_prompt_each(run, tmp_path):
    (tmp_path / "prompts.txt").write_text("aaa\n\n{braces} are text too\n")
    code, out, _ = run("predict", "--file", str(tmp_path / "prompts.txt"), "--json")

    assert code == 0
    assert [json.loads(line)["expected_tokens"] for line in out.splitlines()] == [3, 21]


def test_a_file_of_json_lines_carries_options_of_its_own(run, service, tmp_path):
    rows = [
        {"prompt": "aaa", "id": 7, "output_tokens": 5, "temperature": 0},
        {"messages": [{"role": "user", "content": "bb\u2028bb"}], "model": "own", "max_tokens": 3},
    ]
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    code, out, _ = run("predict", "--file", str(path), "--model", "other", "--json")

    assert code == 0
    assert [json.loads(line)["request_id"] for line in out.splitlines()] == ["7", ""]
    sent = service.received[0].requests
    assert [(r.model, r.max_tokens) for r in sent] == [("other", 0), ("own", 3)]
    assert [r.HasField("temperature") for r in sent] == [True, False]
    assert sent[1].messages[0].content == "bb\u2028bb"


def test_a_dash_reads_one_prompt_from_stdin_lines_and_all(running):
    with start("predict", "-", "--json", "--target", running.target) as process:
        out, err = process.communicate("two\nlines é".encode(), timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert json.loads(out)["expected_tokens"] == 11


def test_the_target_comes_from_the_environment_if_not_given(running):
    env = os.environ | {"LENGTHWISE_TARGET": running.target}
    with start("info", env=env) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"index     v1 (schema 1)" in out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"prompt": "a"}\n{"prompt": "b', "line 2 is not JSON (Unterminated string"),
        (b'{"prompt": "a"}\n[1]\n', "line 2 is list in JSON: expected an object"),
        (b"a\nb\xff\n", "line 2: byte 3 (0xff) is not UTF-8"),
        (b"\n \n", "holds no prompt: expected one per line"),
    ],
)
def test_a_bad_file_is_wrong_use_and_the_line_is_named(run, tmp_path, content, message):
    path = tmp_path / "prompts"
    path.write_bytes(content)
    code, out, err = run("predict", "--file", str(path))

    assert (code, out) == (2, "")
    assert err.startswith("lengthwise: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["predict"], "one of the arguments PROMPT --file is required"),
        (["predict", "a", "--file", "b"], "not allowed with argument"),
        (["predict", "--file", "/no/such/file"], "cannot read /no/such/file: No such file"),
        (["predict", "a", "--target", "localhost"], "expected host:port"),
        (["predict", "a", "--timeout-s", "0"], "timeout_s is 0: expected seconds above 0"),
        (["predict", "a", "--max-tokens", "x"], "invalid int value: 'x'"),
        (["report", "--prompt", "a"], "expected --prompt with --output-tokens, or --file"),
        (["report", "--prompt", "a", "--file", "b"], "expected either --file or --prompt"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        ([], "required: COMMAND"),
    ],
)
def test_wrong_use_exits_2_and_says_what_was_expected(capsys, args, message):
    try:
        code = main(args)
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", [["predict", "hi"], ["health"], ["info"]])
def test_an_unreachable_server_exits_1_with_one_line(capsys, dead_target, command):
    code = main([*command, "--target", dead_target])
    out, err = capsys.readouterr()

    assert (code, out) == (1, "")
    assert err.startswith(f"lengthwise: no Lengthwise service answers at {dead_target} (connection")
    assert err.count("\n") == 1


def test_a_refused_prompt_exits_1_with_the_services_reason(run):
    assert run("predict", "bad") == (1, "", "lengthwise: bad one\n")


def test_an_argument_that_is_not_utf8_is_refused_without_a_traceback(running):
    with start(b"predict", b"caf\xe9", "--target", running.target) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, b"")
    assert b"lone surrogate" in err
    assert err.count(b"\n") == 1


def test_report_stores_one_completion(run, service):
    code, out, _ = run(
        *("report", "--prompt", "p", "--output-tokens", "12", "--request-id", "r"),
        *("--model", "m", "--max-tokens", "12", "--finish-reason", "length"),
        *("--temperature", "0.5"),
    )
    assert (code, out) == (0, "stored 1, known already 0\n")
    stored = service.stored["r"]
    assert (stored.prompt, stored.output_tokens, stored.model) == ("p", 12, "m")
    assert (stored.max_tokens, stored.finish_reason, stored.temperature) == (12, 2, 0.5)


def test_report_gives_a_completion_without_an_id_one_of_its_own(run, service):
    run("report", "--prompt", "p", "--output-tokens", "1")
    run("report", "--prompt", "p", "--output-tokens", "1")
    assert len(service.stored) == 2


def test_a_file_reported_twice_is_stored_once(run, tmp_path):
    path = tmp_path / "done.jsonl"
    path.write_text('{"id": "a", "prompt": "p", "output_tokens": 3}\n' * 2)
    assert json.loads(run("report", "--file", str(path), "--json")[1]) == {
        "stored": 1,
        "duplicates": 1,
    }
    assert json.loads(run("report", "--file", str(path), "--json")[1]) == {
        "stored": 0,
        "duplicates": 2,
    }


def test_a_completion_without_an_id_or_length_is_named_by_its_line(run, tmp_path, service):
    path = tmp_path / "done.jsonl"
    path.write_text('{"id": "a", "prompt": "p", "output_tokens": 3}\n{"prompt": "p"}\n')
    code, _, err = run("report", "--file", str(path))
    assert code == 2
    assert "line 2: expected at least request_id, output_tokens and prompt" in err
    assert service.stored == {}


def test_health_exits_0_only_if_it_serves(run, running):
    assert run("health") == (0, "SERVING\n", "")
    assert run("health", "--service", "other") == (1, "SERVICE_UNKNOWN\n", "")
    running.health.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    assert run("health", "--json") == (1, '{"status": "NOT_SERVING"}\n', "")


def test_info_shows_the_index_and_its_llms(run):
    code, out, _ = run("info")
    assert code == 0
    assert out.splitlines() == [
        "index     v1 (schema 1)",
        "built     2023-11-14 22:13:20 UTC",
        "rows      1,000",
        "encoder   mini (0123456789ab), 384 dimensions",
        "search    flat, cosine",
        "service   0.1.0, up 12 s",
        "reported  0 completions since it started",
        "",
        "LLM       rows   median      p90",
        "llm      1,000      105      277",
    ]
    assert json.loads(run("info", "--json")[1])["models"][0]["model"] == "llm"


def test_ctrl_c_exits_130_quietly(running, service):
    service.gate.clear()
    # A shell that runs the tests in the background has them ignore SIGINT, and their children too.
    heed = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    with start("predict", "hi", "--target", running.target, **heed) as process:
        assert service.entered.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"")


def test_a_reader_that_goes_away_is_no_error(running, service, tmp_path):
    (tmp_path / "many").write_text("hello\n" * 2000)
    service.gate.clear()
    with start("predict", "--file", str(tmp_path / "many"), "--target", running.target) as process:
        assert service.entered.wait(60)
        process.stdout.close()
        service.gate.set()
        err = process.stderr.read()
        process.wait(60)
    assert (process.returncode, err) == (141, b"")
