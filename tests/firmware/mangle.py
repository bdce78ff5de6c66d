"""Damage to ``.tflite`` files: bytes, words, and fields that a well-formed file should not have."""

from __future__ import annotations

from collections.abc import Callable

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

Mangler = Callable[[bytes, np.random.Generator], bytes]

INTEGERS = (
    -(2**31),
    -(2**16),
    -2,
    -1,
    0,
    1,
    2,
    3,
    5,
    127,
    128,
    255,
    2**15,
    2**16,
    2**30,
    2**31 - 1,
)
REALS = (
    0.0,
    -0.0,
    -1.0,
    1e-45,
    1e-30,
    1e-9,
    1e-3,
    0.5,
    1.0,
    3e4,
    1e9,
    3e38,
    np.inf,
    -np.inf,
    np.nan,
)


def flip_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four bytes become something else."""
    damaged = np.frombuffer(data, np.uint8).copy()
    places = rng.integers(0, len(data), rng.integers(1, 5))
    damaged[places] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)], len(places))
    return damaged.tobytes()


def replace_word(data: bytes, rng: np.random.Generator) -> bytes:
    """An aligned word, such as an offset or a length, becomes extreme, or that of another place."""
    damaged = np.frombuffer(data[: len(data) // 4 * 4], "<i4").copy()
    place = rng.integers(0, len(damaged))
    other = damaged[rng.integers(0, len(damaged))]
    near = damaged[place].astype(np.int64) + rng.choice([-4, -1, 1, 4])
    choices = [*INTEGERS, other, np.int64(near).astype(np.int32)]
    damaged[place] = choices[rng.integers(len(choices))]
    return damaged.tobytes()


def replace_field(data: bytes, rng: np.random.Generator) -> bytes:
    """A field of a table, chosen anywhere in the model, gets a value that it should not have.

    The file that comes out is a sound FlatBuffer, so that the reader lets it pass to the checks
    of tensors and operators.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    for _ in range(rng.integers(1, 3)):
        _spoil(_random_table(model, rng), rng)
    builder = flatbuffers.Builder(len(data))
    try:
        builder.Finish(model.Pack(builder), b"TFL3")
    except TypeError:  # a number that does not fit the field's type
        return replace_field(data, rng)
    return bytes(builder.Output())


MANGLERS: tuple[Mangler, ...] = (flip_bytes, replace_word, replace_field)


def _random_table(model: schema.ModelT, rng: np.random.Generator) -> object:
    graph = model.subgraphs[0]
    operators = [
        table for op in graph.operators for table in (op, op.builtinOptions) if table is not None
    ]
    tensors = [table for t in graph.tensors for table in (t, t.quantization) if table is not None]
    groups = [tensors, operators, model.buffers, model.operatorCodes, [graph]]
    group = groups[rng.choice(len(groups), p=(0.35, 0.4, 0.1, 0.1, 0.05))]
    return group[rng.integers(len(group))]


def _spoil(table: object, rng: np.random.Generator) -> None:
    names = sorted(vars(table))
    for name in rng.permutation(names):
        value = getattr(table, name)
        spoiled = _spoiled(value, rng)
        if spoiled is not value:
            setattr(table, name, spoiled)
            return


def _spoiled(value: object, rng: np.random.Generator) -> object:
    """Something else of the same type; the value itself where its type has no fields."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        near = value + int(rng.integers(-2, 3))
        small = [n for n in (*INTEGERS, near) if -128 <= n <= 127]
        return int(rng.choice(small if -128 <= value <= 127 and rng.random() < 0.7 else INTEGERS))
    if isinstance(value, float):
        return float(rng.choice(REALS))
    if isinstance(value, list | np.ndarray) and len(value) and _plain(value[0]):
        return _spoiled_vector(np.asarray(value).copy(), rng)
    return value


def _plain(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating)


def _spoiled_vector(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    kind = rng.integers(4)
    if kind == 0:
        return values[: rng.integers(0, len(values))]
    if kind == 1:
        return np.concatenate([values, values[: rng.integers(1, len(values) + 1)]])
    place = rng.integers(len(values))
    choices = REALS if values.dtype.kind == "f" else INTEGERS
    value = np.asarray(choices[rng.integers(len(choices))])
    if kind == 2 and values.dtype.kind != "f":
        value = values[place].astype(np.int64) + rng.integers(-3, 4)
    with np.errstate(over="ignore"):
        values[place] = value.astype(values.dtype)
    return values
