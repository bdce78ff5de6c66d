"""Test vectors of CMSIS-NN, which others computed: the generated C gives the same bytes.

Of the 118 cases of the file, 84 are of operators that a ``.tflite`` of ours can express.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from firmware_export import UnsupportedOpError, compile_tflite
from firmware_export.measure import run_on_host
from firmware_export.numerics import quantize_multipliers
from firmware_export.ops import check_supported, weights
from firmware_export.tflite_writer import write_tflite
from tests.firmware.fixtures.cmsis_nn import Case, read_cases
from tests.firmware.fixtures.single_ops import model_of

VECTORS = Path(__file__).parents[2].parent / "shared" / "models" / "cmsis_nn_s8.npz"

pytestmark = pytest.mark.skipif(not VECTORS.exists(), reason=f"needs {VECTORS.name}")

EQUAL_AT_LEAST = 55
"""Cases that ran when this was written; more operators can only add to them."""


def supported(case: Case) -> bool:
    try:
        check_supported(model_of(case.node))
    except UnsupportedOpError:
        return False
    return True


def test_vectors_of_cmsis_nn(monkeypatch, record_property) -> None:
    cases = [case for case in read_cases(VECTORS) if supported(case)]
    known = {real: pair for case in cases for real, pair in case.multipliers.items()}

    def exact_multipliers(reals):
        """What the vectors have for a scale; the rounded scale's own where they have nothing."""
        found = [known.get(r) or [only[0] for only in quantize_multipliers([r])] for r in reals]
        return [pair[0] for pair in found], [pair[1] for pair in found]

    monkeypatch.setattr(weights, "quantize_multipliers", exact_multipliers)
    graph = model_of(*(case.node for case in cases))
    inputs = np.concatenate([case.inputs for case in cases])[None]
    compiled = compile_tflite(write_tflite(graph))
    outputs = run_on_host(compiled, inputs, cc="gcc")
    ends = np.cumsum([case.expected.size for case in cases])[:-1]
    wrong = [
        case.name
        for case, got in zip(cases, np.split(outputs.reshape(-1), ends), strict=True)
        if not np.array_equal(np.clip(got, *case.activation), case.expected)
    ]
    assert wrong == []
    record_property("cases", len(cases))
    assert len(cases) >= EQUAL_AT_LEAST
    assert {case.node.op for case in cases} >= {"ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "SOFTMAX"}


def test_a_vector_with_a_zero_point_of_the_weights_is_refused() -> None:
    refused = Counter(case.node.op for case in read_cases(VECTORS) if not supported(case))
    assert refused["FULLY_CONNECTED"] == 1
