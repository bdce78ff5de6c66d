"""The memory plan: no two buffers share a byte while both are in use."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_export.errors import ModelError
from firmware_export.ir import Graph
from firmware_export.memory import (
    ALIGNMENT_BYTES,
    Buffer,
    align,
    lower_bound,
    overlaps,
    place,
    plan_memory,
    tensor_buffers,
)
from firmware_export.passes import run_passes
from tests.firmware.fixtures.single_ops import activation, add, relu, reshape


@st.composite
def buffers(draw: st.DrawFn) -> list[Buffer]:
    count = draw(st.integers(1, 12))
    spans = [sorted(draw(st.tuples(st.integers(-1, 9), st.integers(-1, 9)))) for _ in range(count)]
    sizes = [draw(st.integers(1, 200)) for _ in range(count)]
    return [Buffer(f"b{i}", sizes[i], *spans[i]) for i in range(count)]


def brute_force_overlaps(found: list[Buffer], offsets: tuple[int, ...]) -> bool:
    used = set()
    for buffer, offset in zip(found, offsets, strict=True):
        for moment in range(buffer.first, buffer.last + 1):
            for byte in range(offset, offset + buffer.size_bytes):
                if (moment, byte) in used:
                    return True
                used.add((moment, byte))
    return False


@given(buffers())
def test_no_two_live_buffers_overlap(found):
    offsets = place(found)
    assert overlaps(found, offsets) == []
    assert all(offset % ALIGNMENT_BYTES == 0 for offset in offsets)
    ends = [o + b.size_bytes for o, b in zip(offsets, found, strict=True)]
    assert lower_bound(found) <= max(ends) <= sum(align(b.size_bytes) for b in found)


@given(buffers(), st.lists(st.integers(0, 300), min_size=12, max_size=12))
def test_the_checker_finds_every_overlap(found, anywhere):
    offsets = tuple(anywhere[: len(found)])
    assert bool(overlaps(found, offsets)) == brute_force_overlaps(found, offsets)


def test_a_chain_needs_its_two_largest_neighbours():
    sizes = [100, 400, 160, 320]
    chain = [Buffer(f"b{i}", size, i - 1, i) for i, size in enumerate(sizes)]
    offsets = place(chain)
    assert lower_bound(chain) == 560
    assert max(o + b.size_bytes for o, b in zip(offsets, chain, strict=True)) == 560


def skip_connection() -> Graph:
    """x -> relu -> r -> relu -> s; out = x + s; and a reshape of r that is an output as well."""
    x = activation("x", (1, 64))
    first, second = relu("first", shape=(1, 64)), relu("second", shape=(1, 64))
    first = replace(first, inputs=(x,))
    second = replace(second, inputs=(first.output,))
    total = add("total", shapes=((1, 64), (1, 64)))
    total = replace(total, inputs=(x, second.output))
    view = reshape("view", shape=(1, 64), new_shape=(1, 8, 8))
    view = replace(view, inputs=(first.output, *view.inputs[1:]))
    return Graph((first, view, second, total), (x,), (total.output, view.output))


def test_lifetimes():
    graph = run_passes(skip_connection())
    found = {b.name: (b.first, b.last) for b in tensor_buffers(graph).values()}
    assert found == {
        "x": (-1, 2),  # from before the first node to the addition
        "first_out": (0, 3),  # its view is a model output: alive after the last node
        "second_out": (1, 2),
        "total_out": (2, 3),
    }


def test_a_view_shares_the_memory_of_its_owner():
    graph = run_passes(skip_connection())
    plan = plan_memory(graph, [0] * len(graph.nodes))
    owner = graph.storage(graph.outputs[1])
    assert owner.name == "first_out"
    assert set(plan.tensors) == set(tensor_buffers(graph))
    assert plan.arena_bytes == plan.lower_bound_bytes == 4 * 64


def test_scratch_lives_during_its_node_only():
    graph = run_passes(skip_connection())
    plan = plan_memory(graph, [500, 0, 40])
    held = list(tensor_buffers(graph).values())
    held += [Buffer("s0", 500, 0, 0), Buffer("s2", 40, 2, 2)]
    offsets = [*plan.tensors.values(), plan.scratch[graph.nodes[0]], plan.scratch[graph.nodes[2]]]
    assert overlaps(held, offsets) == []
    assert set(plan.scratch) == {graph.nodes[0], graph.nodes[2]}


def test_an_arena_beyond_32_bits_is_refused():
    big = relu("big", shape=(2**30, 1))
    graph = Graph((big,), (big.input(0),), (big.output,))
    with pytest.raises(ModelError, match="need 2147483648 bytes of RAM"):
        plan_memory(graph, [0])
