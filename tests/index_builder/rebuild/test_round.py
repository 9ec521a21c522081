"""A round of rebuilding: nothing skipped, nothing worse published, nothing lost to another job."""

import random
import secrets
import weakref
from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from index_builder.build.builder import build_index
from index_builder.rebuild.live_version import LiveVersion
from index_builder.rebuild.outcome import RoundEnding
from index_builder.rebuild.progress import RoundProgress, StopRoundError
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.fitted_estimator import FittedEstimator
from lengthwise.index.index import LengthIndex
from lengthwise.index.search import plan as plan_module
from lengthwise.index.search.own_cells.cells_file import OwnCellsFile
from lengthwise.index.store import Published
from lengthwise.index.store.layout import ArtifactLayout, check_files, read_manifest
from tests.index_builder.rebuild.conftest import new_records
from tests.lengthwise.index.fakes import Source, topic_history


def ids(index):
    return set(index.rows.table.column("id").to_pylist())


def test_what_is_new_is_in_the_next_version_beside_what_was_there(loop, tmp_path):
    loop.report(new_records(200))
    before = loop.place.current()
    outcome = loop.run()
    assert outcome.ending is RoundEnding.PUBLISHED
    assert outcome.before == before
    assert outcome.version == loop.place.current() != before
    assert (outcome.new_rows, outcome.rows) == (200, 600)
    index = loop.index(tmp_path)
    assert ids(index) == {r.id for r in topic_history(400)} | {r.id for r in new_records(200)}
    layout = ArtifactLayout(loop.place.fetch(outcome.version, tmp_path))
    check_files(layout, read_manifest(layout))


def test_the_temperatures_of_what_is_new_are_in_the_next_version(loop, tmp_path):
    loop.report([replace(r, temperature=0.25 * (i % 4)) for i, r in enumerate(new_records(200))])
    loop.run()
    temperatures = loop.index(tmp_path).rows.table.column("temperature").to_pylist()
    assert temperatures.count(None) == 400
    assert [temperatures.count(t) for t in (0.0, 0.25, 0.5, 0.75)] == [50] * 4


def test_a_round_goes_on_where_the_last_that_published_ended(loop, tmp_path):
    loop.report(new_records(200))
    loop.run()
    assert loop.run().ending is RoundEnding.NOTHING_NEW
    loop.report(new_records(80, seed=2))
    outcome = loop.run()
    assert (outcome.after_sequence, outcome.last_sequence) == (200, 280)
    assert (outcome.new_rows, outcome.rows) == (80, 680)
    assert loop.index(tmp_path).manifest.history.last_sequence == 280


def test_vectors_that_are_there_are_not_made_again(loop):
    loop.report(new_records(200))
    loop.run()
    assert loop.encoder.encoded == len({r.prompt for r in new_records(200)})


def test_the_newest_row_of_the_history_weighs_as_if_it_had_been_built_in(loop, tmp_path):
    loop.report(new_records(200))
    loop.run()
    index = loop.index(tmp_path)
    (vectors,) = index.stored_vectors()
    made = loop.encoder.encode(index.rows.table.column("prompt").to_pylist())
    np.testing.assert_allclose(vectors, made, atol=1e-6)


def test_with_too_little_new_nothing_is_done_and_it_waits_for_more(loop):
    before = loop.place.current()
    loop.report(new_records(39))
    outcome = loop.run()
    assert outcome.ending is RoundEnding.TOO_LITTLE_NEW
    assert loop.place.current() == before
    loop.report(new_records(60, seed=2))
    assert loop.run().new_rows == 99


def wrong_then_right():
    """New rows of which the earlier would teach what the newest contradict."""
    rng = random.Random(0)
    wrong = [replace(r, output_tokens=rng.choice([5, 9_000])) for r in new_records(2_000)]
    return wrong + list(new_records(500, seed=2))


def test_a_version_that_predicts_worse_is_refused_by_how_much_is_told(loop):
    before = loop.place.current()
    loop.report(wrong_then_right())
    outcome = loop.run()
    assert outcome.ending is RoundEnding.REFUSED
    assert outcome.ending.exit_code == 3
    assert loop.place.current() == outcome.version == before
    assert loop.place.versions() == [before]
    assert outcome.comparison.loss.mae > 0.02
    assert any(fault.startswith("mean absolute error ") for fault in outcome.faults)


def test_what_was_refused_is_taken_by_the_next_round_with_what_came_since(loop):
    loop.report(wrong_then_right())
    assert loop.run().ending is RoundEnding.REFUSED
    loop.report(new_records(300, seed=3))
    outcome = loop.run(tolerate_mae=1_000, tolerate_tau=2, tolerate_coverage=1)
    assert outcome.ending is RoundEnding.PUBLISHED
    assert (outcome.after_sequence, outcome.new_rows) == (0, 2_800)


def test_of_two_rounds_at_once_one_publishes_and_the_other_says_so(loop, tmp_path):
    loop.report(new_records(200))
    outcomes = []

    def overtake(line):
        if line.startswith("Publishing") and not outcomes:
            outcomes.append(None)
            outcomes.append(loop.run())

    late = loop.run(overtake)
    first = outcomes[1]
    assert (first.ending, late.ending) == (RoundEnding.PUBLISHED, RoundEnding.OVERTAKEN)
    assert late.ending.exit_code == 4
    assert "nothing was published" in late.faults[0]
    assert loop.place.current() == first.version
    assert len(loop.place.versions()) == 2
    assert len(loop.index(tmp_path).rows) == 600
    assert loop.run().ending is RoundEnding.NOTHING_NEW


def test_a_round_that_is_stopped_publishes_nothing(loop):
    loop.report(new_records(200))
    before, stop = loop.place.versions(), Event()

    def stop_late(line):
        if line.startswith("Building"):
            stop.set()

    with pytest.raises(StopRoundError):
        loop.job().run(RoundProgress(stop_late, stop))
    assert loop.place.versions() == before
    assert loop.run().new_rows == 200


def test_the_live_version_is_not_held_beside_the_one_that_is_built_next(loop, monkeypatch):
    live: list[weakref.ref[LengthIndex]] = []
    fetch = LiveVersion.fetch

    def fetched(*args, **options):
        version = fetch(*args, **options)
        live.append(weakref.ref(version.index))
        return version

    monkeypatch.setattr(LiveVersion, "fetch", fetched)
    held: list[bool] = []

    def look(line):
        if line.startswith(("Comparing", "Building")):
            held.append(live[0]() is not None)

    loop.report(new_records(80))
    assert loop.run(look).ending is RoundEnding.PUBLISHED
    assert held == [True, False]


def test_rows_that_the_live_version_has_by_their_ids_are_left_out(loop):
    loop.report([*topic_history(50), *new_records(100)])
    outcome = loop.run()
    assert outcome.new_rows == 100
    assert outcome.left_out == {"in the index already": 50}


def test_vectors_of_the_live_encoder_are_indexed_without_their_text(loop, tmp_path):
    records = new_records(100)
    vectors = loop.encoder.encode([r.prompt for r in records])
    loop.encoder.encoded = 0
    loop.report(records, vectors=vectors, encoder_hash=loop.encoder.content_hash)
    outcome = loop.run()
    assert (outcome.ending, outcome.new_rows) == (RoundEnding.PUBLISHED, 100)
    assert loop.encoder.encoded == 0
    index = loop.index(tmp_path)
    assert index.rows.prompt(450) == ""
    (stored,) = index.stored_vectors()
    np.testing.assert_allclose(stored[400:], vectors, atol=2e-3)


def test_vectors_of_another_encoder_are_left_out_and_counted(loop):
    records = new_records(100)
    vectors = loop.encoder.encode([r.prompt for r in records])
    loop.report(records, vectors=vectors, encoder_hash="other")
    loop.report(new_records(60, seed=2))
    outcome = loop.run()
    assert outcome.new_rows == 60
    assert outcome.left_out == {"stored without text, as vectors of another encoder": 100}


def test_caps_drop_the_oldest_rows(loop, tmp_path):
    loop.report(new_records(200))
    outcome = loop.run(keep_rows=300)
    assert outcome.rows == 300
    assert outcome.dropped == {"old rows": 300}
    assert ids(loop.index(tmp_path)) >= {r.id for r in new_records(200)}


def test_old_versions_are_removed_once_a_new_one_is_current(loop):
    for seed in (1, 2, 3):
        loop.report(new_records(100, seed=seed))
        outcome = loop.run(keep_versions=2)
    assert len(loop.place.versions()) == 2
    assert len(outcome.pruned) == 1


def test_where_nothing_was_published_the_first_version_is_made_of_the_history(empty_loop, tmp_path):
    assert empty_loop.run().ending is RoundEnding.NOTHING_NEW
    empty_loop.report(new_records(200))
    outcome = empty_loop.run()
    assert (outcome.ending, outcome.before, outcome.rows) == (RoundEnding.PUBLISHED, None, 200)
    assert outcome.comparison is None
    assert ids(empty_loop.index(tmp_path)) == {r.id for r in new_records(200)}


def test_it_publishes_to_an_object_store_as_to_a_folder(empty_loop, tmp_path):
    empty_loop.place = Published.at(f"memory://{secrets.token_hex(6)}/indexes")
    for seed in (1, 2):
        empty_loop.report(new_records(200, seed=seed))
        assert empty_loop.run().ending is RoundEnding.PUBLISHED
    assert len(empty_loop.index(tmp_path / "cache").rows) == 400


def test_rounds_that_share_a_cache_fetch_a_version_once(empty_loop, tmp_path, monkeypatch):
    empty_loop.place = Published.at(f"memory://{secrets.token_hex(6)}/indexes")
    empty_loop.report(new_records(200))
    empty_loop.run()
    job = replace(empty_loop.job(), cache=tmp_path / "cache")
    job.run(RoundProgress())
    monkeypatch.setattr(type(empty_loop.place), "_get", None)
    assert job.run(RoundProgress()).ending is RoundEnding.NOTHING_NEW


def test_a_history_that_ends_before_the_version_is_another_one(loop, tmp_path):
    loop.report(new_records(200))
    loop.run()
    other = replace(loop, history=str(tmp_path / "other.db"))
    other.report(new_records(50, seed=2))
    with pytest.raises(InvalidInputError, match="expected the same history"):
        other.run()
    assert other.run(from_sequence=0).new_rows == 50


def test_censored_rows_are_never_what_versions_are_compared_on(loop):
    cut = [replace(r, finish_reason="length") for r in new_records(100)]
    loop.report([*cut[:61], *new_records(100)[61:]])
    waiting = loop.run()
    assert waiting.ending is RoundEnding.TOO_LITTLE_NEW
    assert waiting.faults == (
        "39 of them ended by themselves, all others were cut off: expected at least 40, since "
        "versions are compared on such rows alone",
    )
    loop.report(new_records(80, seed=2))
    outcome = loop.run()
    assert (outcome.new_rows, outcome.comparison.rows) == (180, 29)


def test_a_first_version_is_made_though_all_answers_were_cut_off(empty_loop, tmp_path):
    empty_loop.report([replace(r, finish_reason="length") for r in new_records(100)])
    outcome = empty_loop.run()
    assert (outcome.ending, outcome.rows) == (RoundEnding.PUBLISHED, 100)
    assert empty_loop.index(tmp_path).rows.censored.all()


def test_where_few_of_the_newest_ended_the_calibration_stays(loop, tmp_path):
    cut = [replace(r, finish_reason="length") for r in new_records(300)]
    ended = new_records(300)[270:]
    again = [replace(r, id=f"again-{r.id}") for r in ended[:10]]  # one prompt says one thing
    loop.report([*cut[:260], *again, *ended])
    assert loop.run(tolerate_coverage=1).ending is RoundEnding.PUBLISHED
    folder = loop.place.fetch(loop.place.current(), tmp_path)
    fitted = FittedEstimator.load(ArtifactLayout(folder).calibration)
    assert fitted.calibration.rows > 300


def test_after_a_change_one_rebuild_follows_it(loop):
    loop.report(new_records(400, factor=3))
    outcome = loop.run()
    assert outcome.ending is RoundEnding.PUBLISHED
    live, candidate = outcome.comparison.live, outcome.comparison.candidate
    assert candidate.mae_tokens < 0.6 * live.mae_tokens
    assert live.coverage_90 < 0.6 < candidate.coverage_90


def test_without_a_change_the_same_accuracy_is_no_fault(loop):
    loop.report(new_records(400))
    outcome = loop.run()
    assert outcome.ending is RoundEnding.PUBLISHED
    assert outcome.faults == ()


def test_the_next_version_has_cells_of_all_rows_that_each_llm_then_has(
    empty_loop, tmp_path, monkeypatch
):
    monkeypatch.setattr(plan_module, "FLAT_ROWS", 1_000)
    models = [f"llm-{number}" for number in range(6)]
    built = Source(r for m in models for r in topic_history(270, model=m))
    build_index(built, tmp_path / "store", empty_loop.encoder)
    empty_loop.report(new_records(130, model="llm-0"))
    assert empty_loop.run().ending is RoundEnding.PUBLISHED
    folder = empty_loop.place.fetch(empty_loop.place.current(), tmp_path)
    cells = OwnCellsFile.open(ArtifactLayout(folder).own_cells)
    assert cells.of("llm-0", 400)
    assert all(cells.of(model, 270) for model in models[1:])
