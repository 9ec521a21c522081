"""The soak in its short form, on the real service, and its arithmetic."""

import json

import pytest

from benchmarks.soak import __main__ as soak
from benchmarks.soak.tables import Stretch, grown_mib, slope_mib_per_h


def test_a_short_soak_ends_without_an_error_and_with_every_completion_stored(tmp_path, capsys):
    out = tmp_path / "soak.json"
    soak.main(["--minutes", "0.1", "--capacity-s", "1", "--json", str(out)])
    found = json.loads(out.read_text())
    assert found["errors"] == 0
    assert found["reported"] == found["predicted"] > 0
    # Too short to tell a slow leak: the hour of `python -m benchmarks.soak` does.
    assert found["grown_mib"] < 100
    assert "The whole run" in capsys.readouterr().out


def stretches(memory):
    return [Stretch(60.0 * i, mib, mib, 10.0, i, 0) for i, mib in enumerate(memory, 1)]


def test_growth_is_judged_once_the_caches_are_full():
    filling_then_flat = stretches([100, 200, 300, 400, 400, 400, 400, 400])
    assert grown_mib(filling_then_flat, settled_s=240) == 0
    assert slope_mib_per_h(filling_then_flat, settled_s=240) == pytest.approx(0, abs=1e-6)


def test_a_mebibyte_a_minute_is_sixty_an_hour():
    growing = stretches(range(100, 160))
    assert slope_mib_per_h(growing, settled_s=0) == pytest.approx(60)
    assert grown_mib(growing, settled_s=0) == 45


@pytest.mark.parametrize("bad", [["--minutes", "0"], ["--load", "1.5"]])
def test_what_cannot_work_is_refused_at_once(bad, capsys):
    with pytest.raises(SystemExit):
        soak.main(bad)
    assert "expected --minutes" in capsys.readouterr().err
