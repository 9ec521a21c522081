"""Encoding apart from building: the same artifact, whoever encoded which part when."""

import json
import random
from dataclasses import asdict, replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from index_builder.build import encoded_rows
from index_builder.build.builder import BuildOptions, build_encoded
from index_builder.distributed.counting import count_file, selection_of
from index_builder.distributed.encoded_history import EncodedHistory
from index_builder.distributed.place import Place
from index_builder.distributed.plan import EncodePlan, SourceFile, Stripe
from index_builder.distributed.stripe_encoder import StripeEncoder
from lengthwise.history.files import ReadOptions
from lengthwise.history.files.errors import HistoryReadError
from lengthwise.index.errors import EncoderMismatchError, InvalidInputError
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex
from tests.index_builder.distributed.encodings import (
    built_here,
    built_of_parts,
    encode,
    plan_of,
    write_history,
)
from tests.lengthwise.index.fakes import BagOfWords, topic_history


@pytest.fixture
def history(tmp_path):
    return write_history(tmp_path / "history")


@pytest.fixture
def parts(tmp_path):
    return tmp_path / "parts"


OTHER = BagOfWords(content_hash="other")


class DependsOnTheBatch(BagOfWords):
    """As kernels of a GPU: a vector's last bits depend on what is encoded beside it."""

    def encode(self, prompts):
        vectors = super().encode(prompts)
        nudged = vectors * np.float32(1 + 1e-6 * len(prompts))
        return nudged.astype(np.float32)


def test_a_build_of_parts_makes_what_a_build_of_the_history_makes(
    tmp_path, history, parts, monkeypatch
):
    monkeypatch.setattr(encoded_rows, "CHUNK_ROWS", 16)
    encode(plan_of(history), parts)
    assert built_of_parts(parts, tmp_path / "a") == built_here(history, tmp_path / "b")


def test_the_same_holds_for_an_encoder_whose_vectors_depend_on_the_batch(
    tmp_path, history, parts, monkeypatch
):
    monkeypatch.setattr(encoded_rows, "CHUNK_ROWS", 16)
    encode(plan_of(history), parts, DependsOnTheBatch())
    expected = built_here(history, tmp_path / "b", DependsOnTheBatch())
    assert built_of_parts(parts, tmp_path / "a") == expected


@pytest.mark.parametrize("seed", range(3))
def test_the_order_in_which_stripes_are_encoded_and_how_many_there_are_changes_nothing(
    tmp_path, history, parts, seed
):
    plan = plan_of(history)
    encode(plan, parts)
    expected = built_of_parts(parts, tmp_path / "expected")
    rng = random.Random(seed)
    every = rng.choice([1, 2, 5])
    stripes = [Stripe(f, i, every) for f in range(len(plan.files)) for i in range(every)]
    rng.shuffle(stripes)
    place = Place.at(str(tmp_path / "other"))
    plan.publish_to(place)
    for stripe in stripes:
        StripeEncoder(plan, place, BagOfWords()).run(stripe)
    assert built_of_parts(place.text, tmp_path / "found") == expected


def test_what_is_encoded_is_not_encoded_again(history, parts):
    first, again = BagOfWords(), BagOfWords()
    assert encode(plan_of(history), parts, first) == (120, 120)
    assert encode(plan_of(history), parts, again) == (120, 0)
    assert first.encoded
    assert not again.encoded


def test_a_lost_part_alone_is_encoded_again(tmp_path, history, parts):
    encode(plan_of(history), parts)
    expected = built_of_parts(parts, tmp_path / "a")
    lost = sorted((parts / "parts").iterdir())[1]
    lost.unlink()
    assert encode(plan_of(history), parts) == (120, 16)
    assert built_of_parts(parts, tmp_path / "b") == expected


def test_a_part_that_was_cut_off_is_encoded_again(history, parts):
    encode(plan_of(history), parts)
    cut = sorted((parts / "parts").iterdir())[1]
    cut.write_bytes(cut.read_bytes()[:-40])
    assert encode(plan_of(history), parts) == (120, 16)


def test_parts_of_another_encoder_are_encoded_again(history, parts):
    encode(plan_of(history), parts)
    assert encode(plan_of(history), parts, OTHER) == (120, 120)


def test_parts_of_two_encoders_are_no_index(tmp_path, history, parts):
    plan = plan_of(history)
    encode(plan, parts)
    first = min((parts / "parts").iterdir())
    first.unlink()
    StripeEncoder(plan, Place.at(str(parts)), OTHER).run(Stripe(0, 0, 3))
    with pytest.raises(EncoderMismatchError, match="expected one encoder"):
        built_of_parts(parts, tmp_path / "a")


def test_an_encoding_that_is_not_whole_says_how_it_goes_on(tmp_path, history, parts):
    plan = plan_of(history)
    place = Place.at(str(parts))
    plan.publish_to(place)
    StripeEncoder(plan, place, BagOfWords()).run(Stripe(0))
    with pytest.raises(InvalidInputError, match="Run the same encode command again"):
        EncodedHistory(place)


def test_a_folder_takes_the_parts_of_one_encoding_only(history, parts):
    encode(plan_of(history), parts)
    other = replace(plan_of(history), reading=ReadOptions(prompt_column="other"))
    with pytest.raises(InvalidInputError, match="its reading differ"):
        encode(other, parts)


def test_a_folder_without_a_plan_is_no_encoding(tmp_path):
    with pytest.raises(InvalidInputError, match=r"holds no plan\.json"):
        EncodedHistory(Place.at(str(tmp_path)))


def test_a_file_that_grew_meanwhile_is_refused(history, parts):
    plan = plan_of(history)
    with (history / "day-1.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(HistoryReadError, match="when the encoding began"):
        encode(plan, parts)


def test_bad_rows_are_counted_as_a_build_of_the_history_counts_them(
    tmp_path, history, parts, monkeypatch
):
    monkeypatch.setattr(encoded_rows, "CHUNK_ROWS", 16)
    with (history / "day-1.jsonl").open("a") as file:
        file.write('{"prompt": "no length"}\nno JSON\n')
    encode(plan_of(history, on_error="skip"), parts)
    encoded = EncodedHistory(Place.at(str(parts)))
    assert encoded.skipped_rows == 2
    assert encoded.report.skipped == {"no output_tokens": 1, "bad JSON": 1}
    assert built_of_parts(parts, tmp_path / "a") == built_here(
        history, tmp_path / "b", on_error="skip"
    )


def test_a_file_without_a_usable_row_leaves_the_others_alone(history, parts):
    (history / "day-9.jsonl").write_text("")
    assert encode(plan_of(history), parts) == (120, 120)


def test_a_part_says_what_it_is(history, parts):
    encode(plan_of(history), parts)
    path = max((parts / "parts").iterdir())
    told = json.loads(pq.read_schema(path).metadata[b"lengthwise.part"])
    assert (told["file"], told["chunk"]) == (2, 2)
    assert told["source"] == str(history / "day-2.jsonl")
    assert told["encoder"]["content_hash"] == BagOfWords().content_hash
    assert pq.read_metadata(path).num_rows == told["rows_read"] == 8


def test_only_large_files_are_shared_out():
    files = (SourceFile("small", 10), SourceFile("large", 8_000_000))
    plan = EncodePlan(files, ReadOptions(), "encoder")
    assert plan.stripes(8) == [Stripe(0), *(Stripe(1, i, 4) for i in range(4))]
    assert plan.stripes(1) == [Stripe(0), Stripe(1)]


def test_answers_in_a_second_file_need_one_process(history):
    with pytest.raises(InvalidInputError, match="build locally"):
        EncodePlan.from_sources([str(history)], ReadOptions(answers="answers.jsonl"), "encoder")


def test_a_prompt_whose_rows_were_not_selected_is_still_predicted_from_its_repeats(tmp_path):
    folder = tmp_path / "history"
    folder.mkdir()
    seldom = {"prompt": "write exactly so much about herons", "model": "llm", "output_tokens": 900}
    often = [asdict(record) for record in topic_history(400)]
    rows = [dict(seldom, id=f"seldom-{i}") for i in range(3)] + often
    lines = [json.dumps(row) for row in rows]
    (folder / "old.jsonl").write_text("\n".join(lines[:200]) + "\n")
    (folder / "new.jsonl").write_text("\n".join(lines[200:]) + "\n")
    plan = plan_of(folder / "old.jsonl", folder / "new.jsonl", keep_per_model=40)
    encode(plan, tmp_path / "parts")
    built = build_encoded(EncodedHistory(Place.at(str(tmp_path / "parts"))), tmp_path / "store")
    index = LengthIndex.load(built.path, encoder=BagOfWords())
    assert not any(row_id.startswith("seldom") for row_id in index.rows.table["id"].to_pylist())
    [asked, other] = index.predict([Query(seldom["prompt"], "llm"), Query(seldom["prompt"], "x")])
    assert asked.median_tokens == pytest.approx(900, rel=0.1)
    assert asked.nearness == 1
    assert other.median_tokens < 500
    assert index.manifest.rows + len(index.repeats) == len(rows)


def test_who_encodes_which_stripe_changes_nothing_of_the_repeats(tmp_path, history):
    plan = plan_of(history, keep_per_model=60)
    encode(plan, tmp_path / "one")
    expected = build_encoded(EncodedHistory(Place.at(str(tmp_path / "one"))), tmp_path / "a").path
    place = Place.at(str(tmp_path / "many"))
    plan.publish_to(place)
    selection = selection_of(plan, place, lambda fs: [count_file(plan, place, f) for f in fs])
    for first in (2, 0, 1):
        for file in range(len(plan.files)):
            StripeEncoder(plan, place, BagOfWords(), selection).run(Stripe(file, first, 3))
    made = build_encoded(EncodedHistory(place), tmp_path / "b").path
    assert (made / "repeats.bin").read_bytes() == (expected / "repeats.bin").read_bytes()


def test_what_an_earlier_encoding_did_not_write_of_rows_left_out_is_written_without_encoding(
    tmp_path, history
):
    plan, parts = plan_of(history, keep_per_model=60), tmp_path / "parts"
    encode(plan, parts)
    [first, *_] = sorted((parts / "repeats").iterdir())
    before = first.read_bytes()
    first.unlink()
    assert encode(plan, parts)[1] == 0
    assert first.read_bytes() == before


def test_an_index_without_texts_has_no_hashes_of_them(tmp_path, history):
    encode(plan_of(history, keep_per_model=60), tmp_path / "parts")
    encoded = EncodedHistory(Place.at(str(tmp_path / "parts")))
    built = build_encoded(encoded, tmp_path / "store", BuildOptions(keep_text=False))
    assert not (built.path / "repeats.bin").exists()
