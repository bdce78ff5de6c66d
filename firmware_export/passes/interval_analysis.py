"""Interval analysis: which values each channel of each activation can take at all."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from firmware_export.ir import Graph, Tensor
from firmware_export.passes.interval_rules import RULES
from firmware_export.passes.intervals import Intervals, any_int8, channels_of, of_constant

MAX_CHANNELS = 2**20
"""Channels of all activations together: a damaged file may claim more than memory holds."""


def find_intervals(graph: Graph) -> Mapping[Tensor, Intervals] | None:
    """The intervals of every int8 activation, by the integer arithmetic of the kernels.

    Every function of the kernels that is used here is monotone in each operand, requantization
    included, so that the ends of an interval lead to the ends of the next. The operands are taken
    as independent: an interval may be too wide, never too narrow.

    Args:
        graph: Of supported operators.

    Returns:
        Tensor to intervals; None where there are more channels than are worth the time.

    Source:
        Interval arithmetic, R. E. Moore, Interval Analysis, Prentice-Hall 1966, chapter 3.
    """
    outputs = [tensor for node in graph.nodes for tensor in node.outputs]
    if sum(map(channels_of, (*graph.inputs, *outputs))) > MAX_CHANNELS:
        return None
    known = {tensor: any_int8(tensor) for tensor in (*graph.inputs, *outputs)}
    for node in graph.nodes:
        rule = RULES.get(node.op)
        if rule and [tensor.dtype for tensor in node.outputs] == ["int8"]:
            operands = tuple(
                known[t] if t in known else of_constant(t)
                for t in node.inputs
                if t is not None and t.dtype == "int8"
            )
            known[node.output] = rule(node, operands) or known[node.output]
    return MappingProxyType({t: found for t, found in known.items() if t.dtype == "int8"})
