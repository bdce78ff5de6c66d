"""The memory plan: no two buffers share a byte while both are in use."""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware_export.errors import ModelError
from firmware_export.ir import Graph
from firmware_export.memory import (
    ALIGNMENT_BYTES,
    Buffer,
    Sharing,
    align,
    in_place_bound,
    lower_bound,
    overlaps,
    place,
    plan_memory,
    tensor_buffers,
    tensor_sharings,
)
from firmware_export.passes import run_passes
from tests.firmware.fixtures.single_ops import activation, add, relu, reshape


@st.composite
def buffers(draw: st.DrawFn) -> list[Buffer]:
    count = draw(st.integers(1, 12))
    spans = [sorted(draw(st.tuples(st.integers(-1, 9), st.integers(-1, 9)))) for _ in range(count)]
    sizes = [draw(st.integers(1, 200)) for _ in range(count)]
    return [Buffer(f"b{i}", sizes[i], *spans[i]) for i in range(count)]


@st.composite
def buffers_and_sharings(draw: st.DrawFn) -> tuple[list[Buffer], list[Sharing]]:
    """Outputs may lie over any of the buffers that end where they begin."""
    found = draw(buffers())
    sharings = []
    for output, buffer in enumerate(found):
        for source, other in enumerate(found):
            ends_there = other.first < other.last == buffer.first < buffer.last
            taken = any(sharing.source == source for sharing in sharings)
            if ends_there and not taken and draw(st.booleans()):
                distance = ALIGNMENT_BYTES * draw(st.integers(0, 5))
                sharings.append(Sharing(source, output, distance))
    return found, sharings


def brute_force_overlaps(
    found: list[Buffer], offsets: tuple[int, ...], sharings: list[Sharing]
) -> bool:
    """Whether two buffers use the same byte at the same moment, byte by byte."""
    used: dict[tuple[int, int], list[int]] = {}
    for index, (buffer, offset) in enumerate(zip(found, offsets, strict=True)):
        for moment in range(buffer.first, buffer.last + 1):
            for byte in range(offset, offset + buffer.size_bytes):
                used.setdefault((moment, byte), []).append(index)
    allowed = {
        (found[s.source].last, frozenset((s.source, s.output)))
        for s in sharings
        if offsets[s.source] - offsets[s.output] == s.distance_bytes
    }
    return any(
        (moment, frozenset(pair)) not in allowed
        for (moment, _), users in used.items()
        for pair in combinations(users, 2)
    )


# With the sharing the last buffer ends later than without it, in an arena of the same size.
SAME_ARENA = (
    [Buffer("b0", 1, 0, 0), Buffer("b1", 1, 1, 2), Buffer("b2", 16, 0, 1)],
    [Sharing(source=2, output=1, distance_bytes=16)],
)


@example(SAME_ARENA)
@given(buffers_and_sharings())
def test_no_two_live_buffers_overlap_unless_they_may(drawn):
    found, sharings = drawn
    offsets = place(found, sharings)
    assert overlaps(found, offsets, sharings) == []
    assert all(offset >= 0 and offset % ALIGNMENT_BYTES == 0 for offset in offsets)
    end = max(o + b.size_bytes for o, b in zip(offsets, found, strict=True))
    assert in_place_bound(found, sharings) <= end
    apart = max(o + b.size_bytes for o, b in zip(place(found), found, strict=True))
    assert align(end) <= align(apart)


@given(buffers())
def test_buffers_that_share_nothing_need_at_least_the_lower_bound(found):
    offsets = place(found)
    assert overlaps(found, offsets) == []
    end = max(o + b.size_bytes for o, b in zip(offsets, found, strict=True))
    assert lower_bound(found) == in_place_bound(found, ()) <= end
    assert end <= sum(align(b.size_bytes) for b in found)


@given(buffers_and_sharings(), st.lists(st.integers(0, 20), min_size=12, max_size=12))
def test_the_checker_finds_every_overlap(drawn, anywhere):
    found, sharings = drawn
    offsets = tuple(ALIGNMENT_BYTES * unit for unit in anywhere[: len(found)])
    expected = brute_force_overlaps(found, offsets, sharings)
    assert bool(overlaps(found, offsets, sharings)) == expected


SOURCE_AND_OUTPUT = [Buffer("source", 64, 0, 1), Buffer("output", 64, 1, 2)]


@pytest.mark.parametrize(
    ("offsets", "faults"),
    [
        ((32, 0), []),
        ((16, 0), [(0, 1)]),  # too close
        ((48, 0), [(0, 1)]),  # farther than agreed: a kernel may need exactly this distance
        ((0, 32), [(0, 1)]),  # above instead of below
        ((64, 0), []),  # apart
        ((0, 64), []),
    ],
)
def test_sharing_means_the_agreed_distance_below(offsets, faults):
    assert overlaps(SOURCE_AND_OUTPUT, offsets, [Sharing(0, 1, 32)]) == faults


def test_a_source_that_is_needed_later_may_not_be_shared():
    longer = [Buffer("source", 64, 0, 2), SOURCE_AND_OUTPUT[1]]
    assert overlaps(longer, (32, 0), [Sharing(0, 1, 32)]) == [(0, 1)]


def test_a_sharing_that_is_in_the_way_is_broken():
    sizes = [100, 400, 160, 320]
    chain = [Buffer(f"b{i}", size, i - 1, i) for i, size in enumerate(sizes)]
    sharings = [Sharing(0, 1, 304), Sharing(1, 2, 0), Sharing(2, 3, 176)]
    offsets = place(chain, sharings)
    assert overlaps(chain, offsets, sharings) == []
    # All three together need 580, none 560. The last one is broken: 160 + 320.
    assert in_place_bound(chain, sharings) == 404
    assert max(o + b.size_bytes for o, b in zip(offsets, chain, strict=True)) == 480


def test_of_two_sources_the_one_that_helps_is_taken():
    """Over the second source the output would hold up what the first leaves free."""
    found = [
        Buffer("first", 160, 0, 1),
        Buffer("second", 160, 0, 1),
        Buffer("output", 160, 1, 2),
    ]
    sharings = [Sharing(0, 2, 0), Sharing(1, 2, 0)]
    offsets = place(found, sharings)
    assert overlaps(found, offsets, sharings) == []
    assert max(o + b.size_bytes for o, b in zip(offsets, found, strict=True)) == 320


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
    shown = replace(view.output, quantization=first.output.quantization)
    view = replace(view, inputs=(first.output, *view.inputs[1:]), outputs=(shown,))
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


def test_a_node_writes_over_what_dies_there():
    """x lives until the addition and second_out dies there; first_out is kept for the end."""
    graph = run_passes(skip_connection())
    found = tensor_buffers(graph)
    names = [tensor.name for tensor in found]
    sharings = tensor_sharings(graph, found, [{0: 0}, {0: 5}, {0: 0, 1: 20}])
    assert [(names[s.source], names[s.output], s.distance_bytes) for s in sharings] == [
        ("x", "total_out", 0),
        ("second_out", "total_out", 32),
    ]


def test_each_operand_in_the_shared_memory_must_allow_it():
    total = add("total", shapes=((1, 64), (1, 64)))
    x = total.input(0)
    double = replace(total, inputs=(x, x))
    graph = Graph((double,), (x,), (double.output,))
    found = tensor_buffers(graph)
    assert tensor_sharings(graph, found, [{0: 0}]) == ()
    assert tensor_sharings(graph, found, [{0: 0, 1: 7}]) == (Sharing(0, 1, 16),)


def test_a_model_output_is_not_written_over():
    one = relu("one", shape=(1, 64))
    two = replace(relu("two", shape=(1, 64)), inputs=(one.output,))
    graph = Graph((one, two), (one.input(0),), (one.output, two.output))
    plan = plan_memory(graph, [0, 0], [{0: 0}, {0: 0}])
    assert plan.arena_bytes == 128
    alone = replace(graph, outputs=(two.output,))
    assert plan_memory(alone, [0, 0], [{0: 0}, {0: 0}]).arena_bytes == 64


def test_an_arena_beyond_32_bits_is_refused():
    big = relu("big", shape=(2**30, 1))
    graph = Graph((big,), (big.input(0),), (big.output,))
    with pytest.raises(ModelError, match="need 2147483648 bytes of RAM"):
        plan_memory(graph, [0])
