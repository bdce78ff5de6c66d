"""The operators: one file each, and the table of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from firmware_export.errors import UnsupportedOpError
from firmware_export.ir import Graph, Node
from firmware_export.ops.add import ADD, SUB
from firmware_export.ops.arg_max import ARG_MAX
from firmware_export.ops.concatenation import CONCATENATION
from firmware_export.ops.conv_2d import CONV_2D
from firmware_export.ops.conv_2d_add import CONV_2D_ADD
from firmware_export.ops.definition import KernelCall, OpDef, Struct, Variant
from firmware_export.ops.depthwise_conv_2d import DEPTHWISE_CONV_2D
from firmware_export.ops.elu import ELU
from firmware_export.ops.fully_connected import FULLY_CONNECTED
from firmware_export.ops.gather import GATHER
from firmware_export.ops.hard_swish import HARD_SWISH
from firmware_export.ops.leaky_relu import LEAKY_RELU
from firmware_export.ops.log_softmax import LOG_SOFTMAX
from firmware_export.ops.maximum import MAXIMUM, MINIMUM
from firmware_export.ops.mean import MEAN
from firmware_export.ops.mirror_pad import MIRROR_PAD
from firmware_export.ops.mul import MUL
from firmware_export.ops.pad import PAD, PADV2
from firmware_export.ops.pool_2d import AVERAGE_POOL_2D, MAX_POOL_2D
from firmware_export.ops.prelu import PRELU
from firmware_export.ops.quantize import DEQUANTIZE, QUANTIZE
from firmware_export.ops.reduce_max import REDUCE_MAX
from firmware_export.ops.relu import RELU, RELU6
from firmware_export.ops.reshape import RESHAPE
from firmware_export.ops.resize import RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR
from firmware_export.ops.sigmoids import LOGISTIC, TANH
from firmware_export.ops.slice import SLICE
from firmware_export.ops.softmax import SOFTMAX
from firmware_export.ops.space_to_batch_nd import BATCH_TO_SPACE_ND, SPACE_TO_BATCH_ND
from firmware_export.ops.split import SPLIT
from firmware_export.ops.squeeze import EXPAND_DIMS, SQUEEZE
from firmware_export.ops.strided_slice import STRIDED_SLICE
from firmware_export.ops.sum import SUM
from firmware_export.ops.transpose import TRANSPOSE
from firmware_export.ops.transpose_conv import TRANSPOSE_CONV
from firmware_export.ops.unidirectional_sequence_lstm import UNIDIRECTIONAL_SEQUENCE_LSTM

OPS: Mapping[str, OpDef] = MappingProxyType(
    {
        op.name: op
        for op in (
            ADD,
            ARG_MAX,
            AVERAGE_POOL_2D,
            BATCH_TO_SPACE_ND,
            CONCATENATION,
            CONV_2D,
            DEPTHWISE_CONV_2D,
            DEQUANTIZE,
            ELU,
            EXPAND_DIMS,
            FULLY_CONNECTED,
            GATHER,
            HARD_SWISH,
            LEAKY_RELU,
            LOGISTIC,
            LOG_SOFTMAX,
            MAXIMUM,
            MAX_POOL_2D,
            MEAN,
            MINIMUM,
            MIRROR_PAD,
            MUL,
            PAD,
            PADV2,
            PRELU,
            QUANTIZE,
            REDUCE_MAX,
            RELU,
            RELU6,
            RESHAPE,
            RESIZE_BILINEAR,
            RESIZE_NEAREST_NEIGHBOR,
            SLICE,
            SOFTMAX,
            SPACE_TO_BATCH_ND,
            SPLIT,
            SQUEEZE,
            STRIDED_SLICE,
            SUB,
            SUM,
            TANH,
            TRANSPOSE,
            TRANSPOSE_CONV,
            UNIDIRECTIONAL_SEQUENCE_LSTM,
        )
    }
)

FUSED_OPS: Mapping[str, OpDef] = MappingProxyType({CONV_2D_ADD.name: CONV_2D_ADD})
"""What passes make of several nodes. No file has these names."""


def definition(node: Node) -> OpDef:
    """The row of `OPS`, or of `FUSED_OPS`, for a node.

    Raises:
        UnsupportedOpError: If the tables have none.
    """
    if node.op in FUSED_OPS:
        return FUSED_OPS[node.op]
    if node.op not in OPS:
        reason = f"The operator is not supported. Use layers that become one of {', '.join(OPS)}."
        raise UnsupportedOpError(node.op, node.name, [reason])
    return OPS[node.op]


def is_supported(node: Node) -> bool:
    """Whether the compiler has a kernel for ``node``."""
    try:
        definition(node).check(node)
    except UnsupportedOpError:
        return False
    return True


def check_supported(graph: Graph) -> None:
    """Refuse a model before anything is made of it.

    Raises:
        UnsupportedOpError: At the first operator that is not in the table, or breaks a limit.
    """
    for node in graph.nodes:
        definition(node)
    for node in graph.nodes:
        definition(node).check(node)


__all__ = [
    "FUSED_OPS",
    "OPS",
    "KernelCall",
    "OpDef",
    "Struct",
    "Variant",
    "check_supported",
    "definition",
    "is_supported",
]
