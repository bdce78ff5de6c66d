"""What an operator is to the compiler, and what it gives to the code generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from firmware_export.errors import UnsupportedOpError
from firmware_export.ir import Array, Node, Shape

Constraint = Callable[[Node], str | None]
"""Returns what it got where its rule is broken, else None.

The first line of its docstring is the rule and the rest is what to do about it: together they
are the documentation, the error message and the subject of the refusal test.
"""


@dataclass(frozen=True)
class Struct:
    """A parameter block of a kernel: a ``static const`` of the layer.

    Attributes:
        type: C type, defined in the kernel's file.
        name: Variable name inside the layer's function.
        fields: In the order of the C type: a number, a list of integers, or the name of one of
            the call's constants.
    """

    type: str
    name: str
    fields: Mapping[str, int | float | tuple[int, ...] | str]


@dataclass(frozen=True)
class KernelCall:
    """How one node runs: a call of one kernel with literal parameters.

    Attributes:
        kernel: C function, and the file in ``runtime/`` that defines it.
        structs: Parameter blocks, passed first, by address.
        literals: Integers that follow them.
        constants: Arrays that stay in flash, by name: int8, int16 or int32.
        row_types: For each constant that is an array of structures, the C type of its rows.
        arguments: What follows the literals: names of constants, and ``input_0``, ``input_1``,
            ``scratch`` and ``output`` for pointers into the arena; ``output_1`` and so on for
            further outputs; ``state_0`` and so on for inputs that are state.
        types: C type of the values behind a pointer into the arena, where it is not ``int8_t``.
        scratch_bytes: Working memory that lives during the call only.
        scratch_type: C type of the working memory.
        overlaps: For the index of an input, how many bytes below it the output may begin although
            it lies over that input. The kernel must give the same bytes at this distance rounded
            up to `ALIGNMENT_BYTES`; 0 stands for the very same place. An input that is not named
            must stay apart.
        then: Calls that follow in the same C function, on the same operands. They have structs
            with names of their own, and neither constants nor working memory.
    """

    kernel: str
    structs: tuple[Struct, ...]
    arguments: tuple[str, ...]
    literals: tuple[int, ...] = ()
    constants: Mapping[str, Array] = field(default_factory=lambda: MappingProxyType({}))
    row_types: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    types: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    scratch_bytes: int = 0
    scratch_type: str = "uint8_t"
    overlaps: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    then: tuple[KernelCall, ...] = ()

    @property
    def in_order(self) -> tuple[KernelCall, ...]:
        """This call, and those that follow it."""
        return (self, *self.then)

    @property
    def constant_bytes(self) -> int:
        """Bytes of the constants in flash."""
        return sum(values.nbytes for values in self.constants.values())


@dataclass(frozen=True)
class Variant:
    """One of several ways to run a node; all give the same bytes.

    Attributes:
        name: For reports, such as ``"winograd, 8 tiles"``.
        call: Its C call.
        instructions: Estimate of one run on a core with DSP instructions, by a closed formula.
        code_bytes: Estimate of what it adds to the program as ``gcc -O3`` compiles it.
        shared_code_bytes: Estimate of what all layers whose call has the same kernel share.
    """

    name: str
    call: KernelCall
    instructions: int
    code_bytes: int
    shared_code_bytes: int = 0


@dataclass(frozen=True)
class OpDef:
    """An operator: its limits, its output shape, its cost and its C call.

    Attributes:
        name: TFLite name.
        max_version: Highest operator version whose meaning is known.
        operands: How many inputs it may have.
        constraints: Limits of types, shapes and options, checked in order; each may rely on those
            before it.
        output_shape: The shape that the inputs and options imply; of every output.
        macs: Multiply-accumulates of one run.
        emit: Its C call; None for a view, which only names memory anew.
        numeric_constraints: Limits of values, checked last; they may rely on the output shape.
        outputs: How many outputs it may have.
        states: Indices of the inputs that are state, which the kernel reads and writes anew.
        variants: Where there are other ways to run a node on a core with DSP instructions: all of
            them, first that of ``emit``. Else empty.
    """

    name: str
    max_version: int
    operands: range
    constraints: tuple[Constraint, ...]
    output_shape: Callable[[Node], Shape]
    macs: Callable[[Node], int]
    emit: Callable[[Node], KernelCall] | None
    numeric_constraints: tuple[Constraint, ...] = ()
    outputs: range = range(1, 2)
    states: tuple[int, ...] = ()
    variants: Callable[[Node], tuple[Variant, ...]] = lambda _: ()

    def check(self, node: Node) -> None:
        """Refuse what the compiler cannot reproduce.

        Raises:
            UnsupportedOpError: At the first limit that ``node`` breaks.
        """
        self._check_signature(node)
        self._check_states(node)
        _check_all(self.constraints, node)
        expected = self.output_shape(node)
        for output in node.outputs:
            if output.shape == expected:
                continue
            reason = (
                f"The output shape must be {list(expected)}. Got {list(output.shape)}. "
                "Convert the model with fixed shapes and batch size 1."
            )
            raise UnsupportedOpError(node.op, node.name, [reason])
        _check_all(self.numeric_constraints, node)

    def _check_signature(self, node: Node) -> None:
        if node.version > self.max_version:
            reason = (
                f"Versions up to {self.max_version} are supported. Got {node.version}. "
                "Convert the model with an older TensorFlow."
            )
            raise UnsupportedOpError(node.op, node.name, [reason])
        if len(node.inputs) not in self.operands or len(node.outputs) not in self.outputs:
            reason = (
                f"It must have {_counted(self.operands, 'input')} and "
                f"{_counted(self.outputs, 'output')}. "
                f"Got {len(node.inputs)} and {len(node.outputs)}. Convert the model again."
            )
            raise UnsupportedOpError(node.op, node.name, [reason])

    def _check_states(self, node: Node) -> None:
        for index, tensor in enumerate(node.inputs):
            if tensor is None or tensor.variable == (index in self.states):
                continue
            rule = "must be" if index in self.states else "must not be"
            reason = (
                f"Input {index} {rule} state (a variable tensor). Got '{tensor.name}'. "
                "Convert the model again."
            )
            raise UnsupportedOpError(node.op, node.name, [reason])


def _counted(counts: range, noun: str) -> str:
    """How many of something there may be.

    Example:
        >>> _counted(range(1, 2), "output"), _counted(range(2, 4), "input")
        ('1 output', '2 or 3 inputs')
        >>> _counted(range(1, 257), "input")
        '1 to 256 inputs'
    """
    if len(counts) > 2:
        return f"{counts[0]} to {counts[-1]} {noun}s"
    return f"{' or '.join(map(str, counts))} {noun}{'' if counts[-1] == 1 else 's'}"


def _check_all(constraints: tuple[Constraint, ...], node: Node) -> None:
    for constraint in constraints:
        got = constraint(node)
        if got is not None:
            raise UnsupportedOpError(node.op, node.name, [explain(constraint, got)])


def explain(constraint: Constraint, got: str) -> str:
    """The message of a broken constraint: rule, finding, remedy.

    Example:
        >>> def odd(node):
        ...     '''Size must be odd.
        ...
        ...     Pad it.
        ...     '''
        >>> explain(odd, "4")
        'Size must be odd. Got 4. Pad it.'
    """
    rule, _, remedy = (constraint.__doc__ or "").partition("\n")
    return " ".join(f"{rule} Got {got}. {remedy}".split())
