"""Students by budget: what is chosen fits once it is trained, and the next wider one does not."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import tf_keras

from firmware_export import compile_tflite
from firmware_export.errors import BoardError
from firmware_export.measure import emulate, measure_memory
from firmware_export.target import CORES, find_board
from tinykd import find_recipe, largest_students
from tinykd.cli.student_command import choice_lines
from tinykd.config import WIDTHS, StudentConfig, TargetConfig
from tinykd.convert import convert_ptq
from tinykd.datasets import load_dataset
from tinykd.errors import ConfigError, StudentError
from tinykd.quantization.qat import inference_form
from tinykd.results import Budget
from tinykd.sizing import search
from tinykd.sizing.budget import (
    FLASH_MARGIN_BYTES,
    MEASURABLE_BYTES,
    RAM_MARGIN_BYTES,
    Needs,
    exceeded,
    make_budget,
)
from tinykd.sizing.candidate import Candidate
from tinykd.students.architectures import STUDENTS, build_student
from tinykd.students.widths import CHANNELS, channels, distinct_widths

DIGITS = find_recipe("digits")
M4 = CORES["cortex-m4"]


@cache
def digits():
    return load_dataset(DIGITS.data)


def train_and_export(architecture, width):
    """One epoch on digits, then int8 and C as in a build."""
    data = digits()
    config = StudentConfig(architecture=architecture, width=width)
    model = build_student(config, data.input_shape, data.classes, seed=3)
    samples = data.x_train.astype(np.float32) * np.float32(data.input_scale)
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf_keras.optimizers.Adam(3e-3), loss)
    model.fit(samples, data.y_train, batch_size=64, epochs=1, verbose=0)
    return compile_tflite(convert_ptq(inference_form(model), samples[:128]), name="digits")


@pytest.mark.parametrize(
    ("architecture", "limits", "limited_by"),
    [
        ("mlp", {"macs": 5_000, "flash_bytes": 60_000}, "MACs"),
        ("cnn1d", {"ram_bytes": 1_300}, "RAM"),
        ("ds_cnn", {"flash_bytes": 15_500, "ram_bytes": 2_200, "macs": 400_000}, None),
    ],
)
def test_what_is_chosen_fits_once_it_is_trained(architecture, limits, limited_by):
    choice = largest_students(DIGITS, architectures=[architecture], **limits)
    (student,) = choice.students
    assert student.limited_by == (limited_by or student.limited_by)
    size = measure_memory(train_and_export(architecture, student.width), M4)
    assert size.flash_bytes <= choice.budget.flash_bytes
    assert size.ram_bytes <= choice.budget.ram_bytes
    assert student.macs <= limits.get("macs", student.macs)
    # What was foretold is what was made: well within the margin that was left for training.
    assert abs(size.flash_bytes - student.flash_bytes) <= FLASH_MARGIN_BYTES // 2
    assert abs(size.ram_bytes - student.ram_bytes) <= RAM_MARGIN_BYTES // 2
    # The next wider one exceeds what is named.
    widths = distinct_widths(architecture)
    wider = Candidate(
        architecture, widths[widths.index(student.width) + 1], digits(), TargetConfig()
    )
    assert exceeded(wider.measured, choice.budget) == student.limited_by
    assert choice.core == "cortex-m4"


class Sized:
    """A candidate with given figures; it counts who was linked."""

    linked = 0

    def __init__(self, width, *, flash, ram, code):
        self.width = width
        self.counted = Needs(flash, ram, macs=10 * width)
        self.code = Needs(code, 100, macs=0)

    @property
    def measured(self):
        Sized.linked += 1
        return self.counted + self.code

    @property
    def overhead(self):
        return self.measured - self.counted

    def bounds(self):
        yield self.counted
        yield self.measured

    def estimates(self, overhead):
        yield self.counted + overhead

    def cost(self, limited_by):
        return self.width, limited_by


def test_the_search_finds_the_last_that_fits_with_few_links():
    """In random budgets: the one found fits, the next does not, whatever their code takes."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        rungs = [
            Sized(width, flash=30 * width**2, ram=50 * width, code=int(rng.integers(5000, 6000)))
            for width in range(1, 300)
        ]
        flash, ram, macs = rng.integers((7_000, 500, 100), (900_000, 20_000, 4_000)).tolist()
        budget = Budget(flash_bytes=flash, ram_bytes=ram, macs=macs)
        Sized.linked = 0
        width, limited_by = search._widest(rungs, budget)
        assert Sized.linked <= 14
        assert exceeded(rungs[width - 1].measured, budget) is None
        after = "width" if width == 299 else exceeded(rungs[width].measured, budget)
        assert limited_by == after


def test_the_widest_of_all_is_limited_by_width_alone():
    rungs = [Sized(width, flash=width, ram=width, code=1) for width in range(1, 9)]
    assert search._widest(rungs, make_budget(macs=10_000)) == (8, "width")
    assert search._widest(rungs, make_budget(macs=9)) == (1, "MACs")


def test_a_budget_that_nothing_fits_names_the_nearest_student_and_what_it_lacks():
    with pytest.raises(StudentError, match=r"nearest, mlp at width 0.1, needs 1,\d+ bytes of fla"):
        largest_students(DIGITS, flash_bytes=1_000, architectures=["cnn1d", "mlp"])
    with pytest.raises(StudentError, match=r"mlp at width 0.1, needs 312 MACs and may take 300"):
        largest_students(DIGITS, flash_bytes=50_000, macs=300, architectures=["mlp"])


def test_an_architecture_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"there is no 'resnet'\. Known: .*resnet8"):
        largest_students(DIGITS, macs=5_000, architectures=["mlp", "resnet"])


@pytest.mark.parametrize("architecture", sorted(CHANNELS))
def test_cheap_figures_are_not_above_those_that_cost_more(architecture):
    """The search stops at the first that is too large."""
    novelty = load_dataset(find_recipe("novelty").data) if architecture == "autoencoder" else None
    for width in (0.1, 1.0):
        candidate = Candidate(architecture, width, novelty or digits(), TargetConfig())
        rising = list(candidate.bounds())
        for less, more in pairwise(rising):
            assert less.flash_bytes <= more.flash_bytes
            assert less.ram_bytes <= more.ram_bytes
            assert less.macs == more.macs


def test_if_no_architecture_suits_the_samples_that_is_said():
    with pytest.raises(StudentError, match=r"no student of ds_cnn takes samples of \(10,\)"):
        largest_students(find_recipe("diabetes"), macs=500, architectures=["ds_cnn"])


def of_large_images(folder, shape):
    """A configuration whose data are 16 images of this shape, in four classes."""
    x, y = np.zeros((16, *shape), np.uint8), np.arange(16) % 4
    x[:, 0, 0, 0] = np.arange(16)
    np.savez(folder / "large.npz", x_train=x, y_train=y, x_test=x[:4] + 100, y_test=y[:4])
    data = DIGITS.data.model_copy(update={"source": str(folder / "large.npz")})
    return DIGITS.model_copy(update={"data": data})


def test_samples_that_no_student_can_hold_are_refused(tmp_path):
    config = of_large_images(tmp_path, (1200, 1200, 1))
    with pytest.raises(
        StudentError, match=r"\(1200, 1200, 1\) are too large: at any width mlp needs"
    ):
        largest_students(config, flash_bytes=20_000, architectures=["mlp"])


def test_what_cannot_be_emulated_is_left_out_and_named(tmp_path):
    """The activations of a residual network by themselves would fit, two at a time do not."""
    config = of_large_images(tmp_path, (720, 1440, 1))
    wanted = ["cnn1d", "resnet8"]
    choice = largest_students(config, macs=10**9, architectures=wanted)
    assert [student.architecture for student in choice.students] == ["cnn1d"]
    assert choice.not_measurable == ("resnet8",)
    assert "resnet8: too large to be emulated at any width" in choice_lines(choice)


def test_a_board_gives_three_quarters_of_itself_and_the_rest_is_what_is_given():
    board = find_board("unor4")
    budget = make_budget(board="unor4", ram_bytes=5_000)
    assert budget == Budget(flash_bytes=board.flash_bytes * 3 // 4, ram_bytes=5_000)
    assert make_budget(board="nanorp2040").flash_bytes == MEASURABLE_BYTES
    assert make_budget(macs=7) == Budget(
        flash_bytes=MEASURABLE_BYTES, ram_bytes=MEASURABLE_BYTES, macs=7
    )


@pytest.mark.parametrize("limit", ["flash_bytes", "ram_bytes", "macs"])
@pytest.mark.parametrize("value", [0, -5])
def test_a_limit_of_nothing_is_refused(limit, value):
    with pytest.raises(ConfigError, match=f"{limit.split('_')[0]}: .* at least 1, got {value}"):
        make_budget(board="pico", **{limit: value})


def test_a_budget_needs_a_limit_and_a_board_that_exists():
    with pytest.raises(ConfigError, match="there is no budget"):
        make_budget()
    with pytest.raises(BoardError, match="unknown board 'pico3': did you mean 'pico'"):
        make_budget(board="pico3")


def test_widths_differ_in_channels_and_reach_both_ends():
    assert CHANNELS.keys() == STUDENTS.keys()
    for architecture in CHANNELS:
        widths = distinct_widths(architecture)
        found = [channels(architecture, width) for width in widths]
        assert len(set(found)) == len(found)
        assert found == sorted(found)
        assert found[0] == channels(architecture, WIDTHS[0])
        assert found[-1] == channels(architecture, WIDTHS[1])


def test_memory_is_measured_as_in_an_emulation():
    compiled = train_and_export("mlp", 0.25)
    whole = emulate(compiled, M4, np.zeros((1, 8, 8, 1), np.int8))
    assert measure_memory(compiled, M4) == whole.footprint
