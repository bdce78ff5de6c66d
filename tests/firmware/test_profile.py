"""The profile of a model: its sums are those of its layers, and its memory is what is alive."""

from dataclasses import replace

import numpy as np
import pytest

from firmware_export import compile_tflite
from firmware_export.errors import BoardError
from firmware_export.ir import Graph
from firmware_export.memory import Buffer, occupied
from firmware_export.profile import Profile, profile_tflite
from firmware_export.target import BOARDS
from firmware_export.tflite_writer import write_tflite
from tests.firmware.fixtures.single_ops import activation, conv_2d, softmax


def network() -> bytes:
    x = activation("x", (1, 8, 8, 4))
    conv = conv_2d("conv", 0, image=(1, 8, 8, 4), channels=6)
    conv = replace(conv, inputs=(x, *conv.inputs[1:]))
    last = replace(softmax("last", shape=conv.output.shape), inputs=(conv.output,))
    return write_tflite(Graph((conv, last), (x,), (last.output,)))


MODEL = network()


@pytest.fixture(scope="module")
def profile() -> Profile:
    return profile_tflite(MODEL, "nano33ble")


def test_sums_are_those_of_the_layers(profile: Profile) -> None:
    assert [layer.op for layer in profile.layers] == ["CONV_2D", "SOFTMAX", "INVOKE"]
    assert profile.macs == 8 * 8 * 6 * 9 * 4 == profile.layers[0].macs
    assert profile.instructions == sum(layer.instructions for layer in profile.layers)
    assert profile.estimated_cycles == sum(layer.estimated_cycles for layer in profile.layers)
    assert profile.layers[0].instructions_per_mac == pytest.approx(
        profile.layers[0].instructions / profile.macs, abs=5e-4
    )
    assert profile.layers[1].instructions_per_mac is None
    assert all(layer.code_bytes > 0 for layer in profile.layers[:2])


def test_memory_is_what_the_program_takes(profile: Profile) -> None:
    stack_and_statics = profile.stack_bytes + profile.static_ram_bytes
    assert profile.ram_bytes == profile.arena_bytes + stack_and_statics
    assert profile.flash_bytes >= profile.weights_bytes + profile.code_bytes
    assert profile.arena_lower_bound_bytes >= 8 * 8 * (4 + 6)
    assert max(profile.ram_timeline_bytes) <= profile.arena_bytes
    assert profile.fits


def test_the_timeline_has_what_is_alive_at_each_layer(profile: Profile) -> None:
    conv, last = compile_tflite(MODEL, target="cortex-m4").layers
    assert profile.ram_timeline_bytes == (conv.alive_bytes, last.alive_bytes)
    # The output lies over the input, so far below it that no pixel is overwritten too early.
    patches = 4 * 3 * 3 * 4 * 2  # of four pixels, as halfwords
    assert 8 * 8 * 6 < conv.alive_bytes - patches < 8 * 8 * (4 + 6)


def test_latency_follows_the_clock(profile: Profile) -> None:
    seconds = profile.estimated_cycles / BOARDS["nano33ble"].clock_hz
    assert seconds * 1e6 < profile.latency_us < 1.5 * seconds * 1e6


def test_given_inputs_are_run() -> None:
    assert profile_tflite(MODEL, "nano33ble", inputs=np.zeros((2, 256), np.int8)).instructions > 0


def test_an_unknown_board_is_refused() -> None:
    with pytest.raises(BoardError, match="nano33ble"):
        profile_tflite(MODEL, "nano33bel")


def test_a_byte_that_two_buffers_share_counts_once() -> None:
    buffers = [Buffer("a", 16, 0, 1), Buffer("b", 16, 1, 2), Buffer("c", 8, 2, 2)]
    assert [occupied(buffers, (0, 8, 32), moment) for moment in (0, 1, 2)] == [16, 24, 24]
