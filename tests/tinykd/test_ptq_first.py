"""`quantize.qat = "if_needed"`: no fine-tuning where plain quantization loses next to nothing."""

import json

import numpy as np
import pytest

import tinykd
from tests.tinykd.test_compare import CONFIG as IF_NEEDED
from tests.tinykd.test_quantize_api import Counting, trained_student
from tinykd.config import QuantizeConfig
from tinykd.report import FORMATS
from tinykd.results import Report

ALWAYS = IF_NEEDED.replace('"if_needed"', '"always"')


def test_what_is_needed():
    """0.96 less 0.958 is more than 0.002 in floating point."""
    config = QuantizeConfig(qat="if_needed")
    lost = {-0.01: False, 0.0: False, 0.96 - 0.958: False, 0.0021: True, 0.5: True}
    assert {share: config.calls_for_qat(share) for share in lost} == lost
    assert not config.model_copy(update={"ptq_may_lose": 5.0}).calls_for_qat(0.05)
    assert QuantizeConfig().calls_for_qat(-0.01)  # what is not asked for is not left out


def test_a_student_that_loses_nothing_is_not_fine_tuned(blobs):
    x, y = blobs["x_train"].astype(np.float32), blobs["y_train"]
    student, seen = trained_student(x, y), Counting()
    settings = {"epochs": 1, "calibration_samples": 64}
    alone = tinykd.quantize(student, (x, y), progress=seen, qat="if_needed", **settings)
    assert alone.result.float_validation_accuracy - alone.result.ptq_validation_accuracy <= 0.002
    assert alone.result.qat_validation_accuracy is None
    assert alone.result.shipped == "ptq"
    assert alone.qat_model is None
    assert not seen.seen
    both = tinykd.quantize(student, (x, y), **settings).result
    assert both.ptq_validation_accuracy == alone.result.ptq_validation_accuracy


def test_a_student_that_loses_more_is_fine_tuned(blobs):
    """Calibrated on a dark sample alone, it clips what it computes of all others."""
    x, y = blobs["x_train"].astype(np.float32), blobs["y_train"]
    student, seen = trained_student(x, y), Counting()
    dark = np.repeat(x[:1] / 16, len(x), axis=0)
    tuned = tinykd.quantize(student, (dark, y, x, y), progress=seen, epochs=1, qat="if_needed")
    assert tuned.result.float_validation_accuracy - tuned.result.ptq_validation_accuracy > 0.002
    assert tuned.result.qat_validation_accuracy is not None
    assert set(seen.seen) == {1}


def test_the_command_leaves_no_older_file(cli, tmp_path, blobs_file, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(ALWAYS)
    (tmp_path / "if_needed.toml").write_text(IF_NEEDED)
    shared = ("--data", blobs_file, "--quiet")
    assert cli("teacher", "tiny.toml", *shared, "--out", "t").code == 0
    teacher = ("--teacher", "t/teacher.keras")
    assert cli("distill", "tiny.toml", *shared, *teacher, "--out", "s").code == 0
    taught = (*shared, *teacher, "--student", "s/student.h5", "--out", "q")
    assert cli("quantize", "tiny.toml", *taught).code == 0
    plain = (tmp_path / "q" / "ptq.tflite").read_bytes()
    outcome = cli("quantize", "if_needed.toml", *taught)
    assert outcome.code == 0
    assert outcome.out.endswith("It loses too little to be fine-tuned ([quantize] ptq_may_lose)\n")
    assert [file.name for file in (tmp_path / "q").glob("[!.]*")] == ["ptq.tflite"]
    assert (tmp_path / "q" / "ptq.tflite").read_bytes() == plain


@pytest.fixture(scope="module")
def built(tmp_path_factory, blobs_file):
    """A build without fine-tuning; its folder."""
    place = tmp_path_factory.mktemp("if_needed")
    (place / "tiny.toml").write_text(IF_NEEDED.replace("blobs.npz", str(blobs_file)))
    tinykd.build(tinykd.load_config(place / "tiny.toml"), out=place)
    return place / "tiny"


def test_a_build_shows_the_forms_that_there_are(built):
    report = json.loads((built / "report.json").read_bytes())
    names = ["teacher", "scratch", "student", "ptq", "tflm", "c"]
    assert [model["name"] for model in report["models"]] == names
    assert [test["name"] for test in report["ledger"]] == ["distillation", "ptq", "device"]
    assert report["quantize"]["shipped"] == "ptq"
    assert report["quantize"]["qat_validation_accuracy"] is None
    with np.load(built / "predictions.npz") as saved:
        assert sorted(saved.files) == sorted(["labels", *names])


def test_its_reports_say_why_there_is_no_fine_tuning(built):
    report = Report.model_validate_json((built / "report.json").read_text())
    for name in ("terminal", "html"):
        text = " ".join(FORMATS[name](report).split())
        assert "is shipped, QAT is not needed." in text
        assert "QAT, int8" not in text
        assert "QAT goes on where" not in text
        assert "did not beat plain quantization" not in text
