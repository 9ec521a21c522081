"""The parts of the demo that need no Ray; `make demo-scale` is the whole."""

from demo.scale_demo import FILES, KillAfterParts, write_history
from lengthwise.history.files import read_history


def test_its_history_lies_in_files_whose_order_is_that_of_the_rows(tmp_path):
    write_history(tmp_path / "history", 200)
    assert len(list((tmp_path / "history").iterdir())) == FILES
    ids = [record.id for record in read_history(tmp_path / "history")]
    assert ids == [f"sample-{number}" for number in range(200)]


def test_a_worker_is_picked_once_it_has_written_parts(tmp_path):
    victim = KillAfterParts(tmp_path, 1)
    name = "ray::MapWorker(MapBatches(EncodingActor))"
    assert not victim(1, name)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "000000-000000.parquet").touch()
    assert victim(1, name)
    assert not victim(1, "raylet")
