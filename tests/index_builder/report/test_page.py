"""The page and its pictures: self-contained, readable as XML, without prompts."""

import json
import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest

from index_builder.report.data import ReportData
from index_builder.report.learning_curve import (
    LearningCurve,
    draw_learning_tau,
)
from index_builder.report.page import render_page
from index_builder.report.predictors import Scores, draw_scores
from index_builder.report.sections import sections_of
from index_builder.report.write import write_report
from lengthwise.index.errors import InvalidInputError
from lengthwise.report.style import PALETTE, log_ticks, svg_of
from tests.index_builder.report.made_rows import made_evaluation, made_rows

CURVE = LearningCurve(
    rows=(100, 300),
    kendall_tau_b=((0.1, 0.2, None), (0.3,)),
    mae=((90.0, 80.0, 85.0), (70.0,)),
    constant_mae=((95.0, 95.0, 95.0), (94.0,)),
    held_out_rows=60,
)


@pytest.fixture(scope="module")
def data():
    return ReportData.of(made_evaluation(), CURVE)


@pytest.fixture(scope="module")
def pictures(data):
    return [picture for section in sections_of(data) for picture in section.pictures]


def titles(data):
    return [picture.title for section in sections_of(data) for picture in section.pictures]


def test_every_picture_is_an_svg_whose_references_lead_somewhere(pictures):
    assert len(pictures) == 11
    for picture in pictures:
        ids = set(re.findall(r'\bid="([^"]+)"', picture.svg))
        referred = re.findall(r'(?:url\(|href=")#([^")]+)', picture.svg)
        assert ET.fromstring(picture.svg).tag.endswith("svg")
        assert set(referred) <= ids


def test_no_id_is_given_twice_on_the_page(pictures):
    ids = [name for p in pictures for name in set(re.findall(r'\bid="([^"]+)"', p.svg))]
    assert len(ids) == len(set(ids))


def test_colours_are_the_pages_so_that_dark_paper_works(pictures):
    for picture in pictures:
        assert "var(--ink)" in picture.svg
        assert not any(light in picture.svg for light, _ in PALETTE.values())


def test_text_stays_text(pictures):
    assert all("tokens" in p.svg for p in pictures if p.title.startswith("Predicted"))
    assert ">200<" in re.sub(r"\s+", "", pictures[0].svg)


def test_the_same_data_give_the_same_drawing(data):
    assert render_page(data) == render_page(data)


def test_drawing_leaves_the_look_of_other_figures_alone(data):
    before = dict(mpl.rcParams)
    render_page(data)
    assert dict(mpl.rcParams) == before


def test_pictures_without_anything_to_show_are_left_out():
    rows = made_rows(50, levels=(0.1, 0.5, 0.8), models=("a",))
    shown = titles(ReportData.of(made_evaluation(rows)))
    assert "Coverage by predicted length" not in shown
    assert "Order, LLM by LLM" not in shown
    assert not any("size of history" in title for title in shown)
    assert "Confidence" in shown


def test_a_single_row_is_enough_for_a_page():
    rows = made_rows(1)
    assert "Calibration curve" in render_page(ReportData.of(made_evaluation(rows)))


def test_the_page_needs_no_other_file_and_runs_no_script(data):
    page = render_page(data)
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(link.startswith("#") for link in links)
    assert "<script" not in page
    assert "@import" not in page


def test_the_page_has_the_headline_and_every_predictor(data):
    page = render_page(data)
    served = data.evaluation.metrics["retrieval"]
    assert f"<dd>{served.kendall_tau_b:.3f}</dd>" in page
    assert f"<dd>{served.mae:.1f}</dd>" in page
    assert 'class="served"><th scope="row">retrieval</th>' in page
    assert '<th scope="row">constant median</th>' in page


def test_notes_say_what_must_be_known_and_are_escaped():
    evaluation = made_evaluation(
        protocol="a < b", censored_rows=1_234, seen_prompts=5, missing_peers="no <i>ssjf</i>"
    )
    page = render_page(ReportData.of(evaluation))
    assert "a &lt; b" in page
    assert "1,234 rows whose answer was cut off" in page
    assert "5 of the prompts are in the index itself" in page
    assert "no &lt;i&gt;ssjf&lt;/i&gt;" in page


def test_an_llms_name_is_escaped_in_the_picture():
    rows = made_rows(200, models=("<b>a&b", "c"))
    shown = sections_of(ReportData.of(made_evaluation(rows)))
    svg = next(p.svg for s in shown for p in s.pictures if p.title == "Order, LLM by LLM")
    assert "<b>" not in svg
    assert ET.fromstring(svg) is not None


def test_a_name_in_dollars_is_no_formula():
    scores = Scores(("$x^2$", "b"), (0.5, 0.4), "b", {})
    assert "$x^2$" in svg_of(draw_scores(scores, "tau-b", "{:.3f}"), "s", "s")


def test_a_curve_without_any_order_is_drawn_all_the_same():
    flat = LearningCurve((100,), ((None,),), ((1.0,),), ((1.0,),), 5)
    assert "<svg" in svg_of(draw_learning_tau(flat), "flat", "flat")


def test_report_json_has_the_numbers_of_every_picture_and_the_evaluation(data, tmp_path):
    page = write_report(tmp_path, data.evaluation, CURVE)
    assert page == tmp_path / "index.html"
    content = json.loads((tmp_path / "report.json").read_text())
    assert content["evaluation"] == data.evaluation.to_dict()
    assert content["learning_curve"]["rows"] == [100, 300]
    assert content["remaining"]["generated_tokens"][:3] == [0, 10, 25]
    assert content["remaining"]["alive"][0] == 2_000
    assert len(content["calibration"]["observed"]) == 9
    assert sorted(p.name for p in tmp_path.iterdir()) == ["index.html", "report.json"]


def test_an_evaluation_read_from_a_file_cannot_be_drawn():
    with pytest.raises(InvalidInputError, match="holds no rows"):
        ReportData.of(made_evaluation(asked=None))


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (8, 250, [10, 20, 50, 100, 200]),
        (1, 30_000, [1, 10, 100, 1_000, 10_000]),
        (2, 3_500, [3, 10, 30, 100, 300, 1_000, 3_000]),
    ],
)
def test_logarithmic_ticks_are_round_numbers_and_few(low, high, ticks):
    assert log_ticks(low, high) == ticks
