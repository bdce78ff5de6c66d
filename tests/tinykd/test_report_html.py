"""The HTML report: one well-formed file that fetches nothing, shows everything, escapes all."""

import itertools
import math
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from tinykd.report import FORMATS
from tinykd.report.plots import PLOTS
from tinykd.report.svg import WIDTH, ticks
from tinykd.report.tables import MODEL_LABELS, accuracy_rows, class_rows
from tinykd.results import Report

VOID = {"meta", "br"}


class Page(HTMLParser):
    """Collects tags, addresses and the text outside of plots, and checks that tags nest."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.addresses, self.words, self.ids = [], [], [], [], set()
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        found = dict(attrs)
        self.ids |= {found["id"]} if "id" in found else set()
        self.addresses += [found[key] for key in ("href", "src", "xlink:href") if key in found]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "svg" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def html(example_report):
    return FORMATS["html"](example_report)


def test_well_formed(html):
    page = Page(html)
    assert page.tags[0] == "html"
    assert page.tags.count("svg") == len(PLOTS)
    # Beside each plot a table, and three that stand alone with the files.
    assert page.tags.count("table") >= len(PLOTS)
    assert page.tags.count("title") > 1


def test_fetches_nothing(html):
    page = Page(html)
    assert {"script", "link", "img", "iframe", "object"}.isdisjoint(page.tags)
    assert all(address.startswith("#") for address in page.addresses)
    assert not re.search(r"https?:|url\(|@import|//[a-z]", html)


def test_footnotes_lead_somewhere(html, example_report):
    page = Page(html)
    assert {address[1:] for address in page.addresses} <= page.ids
    hows = [model.how for model in example_report.models]
    hows += [board.how for board in example_report.latency.values()]
    for how in {*hows, example_report.footprint.how}:
        assert how in page.text


def test_shows_every_model_board_layer_class_and_file(html, example_report):
    text = Page(html).text
    assert set(MODEL_LABELS) == {model.name for model in example_report.models}
    for word in (
        *MODEL_LABELS.values(),
        *(board.display_name for board in example_report.latency.values()),
        *(layer.name for layer in example_report.layers),
        *example_report.data.class_names,
        *(artifact.sha256 for artifact in example_report.artifacts),
        *example_report.notes,
    ):
        assert word in text


EVIL = '<script>alert("1")</script>&amp;{{ 7 * 7 }}\'"'


def test_everything_is_escaped(example_report):
    """Replace every free text of the report by something that must not become markup."""

    def poison(value, key=""):
        if isinstance(value, dict):
            return {name: poison(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [poison(item, key) for item in value]
        kept = {"name", "shipped", "board", "baseline", "model", "task"}
        return EVIL if isinstance(value, str) and key not in kept else value

    data = poison(example_report.model_dump(mode="json"))
    data |= {"name": EVIL, "board": EVIL, "latency": {EVIL: data["latency"]["nano33ble"]}}
    data |= {"versions": {EVIL: EVIL}, "seconds": {EVIL: 1.0}, "seeds": {EVIL: 1}}
    data["data"]["class_names"] = [EVIL] * 10
    for holder in (data["teacher"]["curve"], data["layers"][0]):
        holder["name"] = EVIL
    report = Report.model_validate(data)
    page = Page(FORMATS["html"](report))
    assert "script" not in page.tags
    assert page.text.count(EVIL) > 30
    for name in ("memory", "layers", "latency", "confusion"):
        words = ET.tostring(ET.fromstring(PLOTS[name](report)), encoding="unicode", method="text")
        assert EVIL in words or EVIL in ET.fromstring(PLOTS[name](report)).get("aria-label")


def test_same_bytes_twice(html, example_report):
    assert FORMATS["html"](example_report) == html


@pytest.mark.parametrize("name", PLOTS)
def test_plot_is_labelled_and_inside_its_frame(name, example_report):
    root = ET.fromstring(PLOTS[name](example_report))
    assert root.get("role") == "img"
    assert len(root.get("aria-label")) > 20
    _, _, width, height = (float(part) for part in root.get("viewBox").split())
    assert width == WIDTH
    for rect in root.iter("rect"):
        assert float(rect.get("x")) >= 0
        assert float(rect.get("x")) + float(rect.get("width")) <= width + 1
        assert float(rect.get("y")) + float(rect.get("height")) <= height
    for circle in root.iter("circle"):
        assert 0 <= float(circle.get("cx")) <= width
        assert 0 <= float(circle.get("cy")) <= height


def test_bars_are_as_long_as_their_numbers(example_report):
    root = ET.fromstring(PLOTS["layers"](example_report))
    lengths = [float(rect.get("width")) for rect in root.iter("rect")]
    counts = [layer.instructions for layer in example_report.layers]
    assert lengths == pytest.approx([n * max(lengths) / max(counts) for n in counts], abs=0.01)


def test_bars_carry_their_names(example_report):
    root = ET.fromstring(PLOTS["latency"](example_report))
    words = [text.text for text in root.iter("text")]
    assert words[::2] == [board.display_name for board in example_report.latency.values()]
    assert words[1] == "8.86 ms"
    assert words[-1] == "does not fit (25.7 ms)"


def test_exceeded_limit_is_marked(example_report):
    limits = {
        board: PLOTS["memory"](changed(example_report, board=board)).count('class="limit"')
        for board in ("nano33ble", "tiny")
    }
    assert limits == {"nano33ble": 0, "tiny": 1}


def test_dots_stand_at_their_accuracy(example_report):
    """More accurate is further right, and the axis is even."""
    root = ET.fromstring(PLOTS["accuracy"](example_report))
    places = [float(circle.get("cx")) for circle in root.iter("circle")]
    shares = [model.top1_accuracy for model in example_report.models]
    slope = (places[0] - places[1]) / (shares[0] - shares[1])
    assert slope > 0
    expected = [places[0] + slope * (share - shares[0]) for share in shares]
    assert places == pytest.approx(expected, abs=0.02)


def test_qat_goes_on_where_the_student_stopped(example_report):
    root = ET.fromstring(PLOTS["training"](example_report))
    ends = {
        element.get("class").split()[-1]: float(element.get("cx"))
        for element in root.iter("circle")
    }
    paths = {element.get("class").split()[-1]: element.get("d") for element in root.iter("path")}
    qat_start = float(paths["qat"].removeprefix("M").split()[0])
    assert ends["teacher"] < ends["student"] < qat_start < ends["qat"]


@pytest.mark.parametrize("samples", [100, 300, 360, 1000, 5000])
@pytest.mark.parametrize("best", [0.97, 1.0])
def test_labels_of_the_accuracy_axis_do_not_touch(example_report, samples, best):
    data = example_report.data.model_copy(update={"validation_samples": samples})
    (curve,) = example_report.quantize.curves
    reached = curve.model_copy(update={"validation_accuracy": (0.1, best)})
    quantize = example_report.quantize.model_copy(update={"curves": (reached,)})
    report = example_report.model_copy(update={"data": data, "quantize": quantize})
    labels = [
        text
        for text in ET.fromstring(PLOTS["training"](report)).iter("text")
        if text.get("text-anchor") == "end"
    ]
    assert len(labels) > 2
    assert ("100" in [text.text for text in labels]) == (best == 1.0)
    places = sorted(float(text.get("y")) for text in labels)
    assert min(low - high for high, low in itertools.pairwise(places)) > 15


def test_agreement_and_difference_are_of_the_int8_models_only(example_report):
    rows = accuracy_rows(example_report)
    assert [row.delta for row in rows] == ["–", "–", "–", "−0.6", "−0.3", "−0.3", "−0.3"]
    assert [row.mark for row in rows] == ["", "", "○", "", "●", "●", "●"]


def test_class_table_reads_the_confusion_matrix(example_report):
    eight, one = class_rows(example_report)[8], class_rows(example_report)[1]
    assert (eight.recall, eight.mistaken_for) == (f"{100 * 33 / 36:.1f}", "one (3)")
    assert (one.recall, one.precision) == ("100.0", f"{100 * 36 / 39:.1f}")


def changed(report, **parts):
    return report.model_copy(update=parts)


def many_classes(report, count):
    names = tuple(f"class number {index}" for index in range(count))
    rows = tuple(tuple(7 if i == j else (i + j) % 3 for j in range(count)) for i in range(count))
    return changed(report, data=changed(report.data, class_names=names), confusion=rows)


UNUSUAL = {
    "no curve at all": lambda r: changed(
        r,
        teacher=changed(r.teacher, curve=None),
        distill=changed(r.distill, curves=()),
        quantize=changed(r.quantize, curves=()),
    ),
    "one epoch": lambda r: changed(
        r,
        teacher=changed(
            r.teacher, curve=changed(r.teacher.curve, loss=(1.0,), validation_accuracy=(1.0,))
        ),
        distill=changed(r.distill, curves=()),
        quantize=changed(r.quantize, curves=()),
    ),
    "no layer, file or note": lambda r: changed(r, layers=(), artifacts=(), notes=()),
    "a layer of no instruction": lambda r: changed(
        r, layers=(changed(r.layers[0], instructions=0, macs=0),)
    ),
    "two classes": lambda r: many_classes(r, 2),
    "a hundred classes": lambda r: many_classes(r, 100),
    "a class without samples": lambda r: changed(
        r, confusion=((0,) * 10, *r.confusion[1:9], (0,) * 10)
    ),
    "all right": lambda r: changed(
        r, models=tuple(changed(m, top1_accuracy=1.0, ci95=(1.0, 1.0)) for m in r.models)
    ),
    "teacher and PTQ only": lambda r: changed(
        r, models=(r.models[0],), quantize=changed(r.quantize, shipped="ptq")
    ),
    "the board is too small": lambda r: changed(r, board="tiny"),
    "no byte of static data": lambda r: changed(
        r, footprint=changed(r.footprint, arena_bytes=0, stack_bytes=0, ram_bytes=0)
    ),
}


@pytest.mark.parametrize("case", UNUSUAL)
def test_unusual_report_is_drawn(case, example_report):
    report = UNUSUAL[case](example_report)
    html = FORMATS["html"](report)
    Page(html)
    assert not re.search(r"\b(nan|inf)\b", html)
    for plot in PLOTS.values():
        if drawn := plot(report):
            ET.fromstring(drawn)
    assert FORMATS["terminal"](report)


def test_board_that_is_too_small_says_so(example_report):
    html = FORMATS["html"](changed(example_report, board="tiny"))
    assert '<span class="bad">does not fit</span>' in html
    assert "does not fit Example board" in FORMATS["terminal"](
        changed(example_report, board="tiny")
    )


@pytest.mark.parametrize(
    ("low", "high"), [(94.1, 99.7), (0, 1), (0, 0), (99.98, 99.99), (1, 250), (-3, 1e7)]
)
def test_ticks_are_few_round_and_span_the_values(low, high):
    marks = ticks(low, high)
    assert 2 <= len(marks) <= 6 or low == high
    assert marks[0] <= low + 1e-6
    assert marks[-1] >= high - 1e-6
    steps = {round(b - a, 9) for a, b in itertools.pairwise(marks)}
    assert len(steps) <= 1
    for step in steps:
        digits = step / 10 ** math.floor(math.log10(step) + 1e-9)
        assert round(digits, 6) in {1, 2, 5}
