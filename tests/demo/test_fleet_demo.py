"""The demo of the fleet runs from nothing."""

from demo.fleet_demo import main


def test_the_fleet_demo_writes_its_page_from_the_sample_history(tmp_path, capsys):
    assert main(["--requests", "300", "--out", str(tmp_path / "page")]) == 0
    assert "lengthwise" in capsys.readouterr().out
    assert (tmp_path / "page" / "fleet.html").read_text().count("<svg") == 3


def test_a_history_that_is_not_there_is_one_line_and_no_traceback(tmp_path, capsys):
    assert main(["--history", str(tmp_path / "none.csv"), "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: ")
