"""Which layer of the student is compared with which of the teacher: by name, or by resolution."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from tinykd.errors import ConfigError
from tinykd.keras_models import is_graph, library_of

Shape = tuple[int, ...]


def match_layers(student: Any, teacher: Any, named: Mapping[str, str]) -> dict[str, str]:
    """Pairs of layers, student's name to teacher's name.

    Args:
        student: Functional or Sequential model.
        teacher: Likewise, of either Keras.
        named: Pairs that the user wants; empty to find them. Then the last layers at each
            resolution that both networks have are compared; where they share none, their last
            maps; where one has no maps at all, their last layers before the logits.

    Raises:
        ConfigError: If a name does not exist, or a network does not show its layers.
    """
    ours, theirs = _layer_shapes(student, "student"), _layer_shapes(teacher, "teacher")
    if named:
        for one, other in named.items():
            _check_name(one, ours, "student")
            _check_name(other, theirs, "teacher")
        return dict(named)
    return _by_resolution(ours, theirs) or {
        _last_inside(student, ours, "student"): _last_inside(teacher, theirs, "teacher")
    }


def resolution(shape: Shape) -> Shape:
    """Extents of the positions, axes of one left out: (8, 8, 32) is (8, 8), (49, 1, 16) is (49,).

    Example:
        >>> resolution((8, 8, 32)), resolution((49, 1, 16)), resolution((32,))
        ((8, 8), (49,), ())
    """
    return tuple(extent for extent in shape[:-1] if extent != 1)


def _by_resolution(ours: dict[str, Shape], theirs: dict[str, Shape]) -> dict[str, str]:
    """Last layers at equal resolutions; failing that, the last maps of both."""
    our_stages, their_stages = _stages(ours), _stages(theirs)
    shared = {our_stages[r]: their_stages[r] for r in our_stages if r in their_stages}
    if shared or not our_stages or not their_stages:
        return shared
    our_last, their_last = list(our_stages)[-1], list(their_stages)[-1]
    if len(our_last) != len(their_last):
        return {}
    return {our_stages[our_last]: their_stages[their_last]}


def _stages(shapes: dict[str, Shape]) -> dict[Shape, str]:
    """The last layer at each resolution, in the order of depth."""
    return {resolution(shape): name for name, shape in shapes.items() if resolution(shape)}


def _last_inside(model: Any, shapes: dict[str, Shape], who: str) -> str:
    """The last layer that does not give what the model gives: the one before its logits.

    Raises:
        ConfigError: If there is none.
    """
    inside = [name for name, shape in shapes.items() if shape != tuple(model.output_shape[1:])]
    if not inside:
        raise ConfigError(f"distill.features: the {who} has no layer before its logits.")
    return inside[-1]


def _layer_shapes(model: Any, who: str) -> dict[str, Shape]:
    """Output shape of each layer that gives one array of known shape, in the order of depth.

    Raises:
        ConfigError: If the model does not show its layers.
    """
    if not is_graph(model):
        raise ConfigError(
            f"distill.features: the {who} is no functional or Sequential model with one input and "
            "one output, so its layers cannot be compared. Use a loss on logits, such as 'ls_kd'."
        )
    first = library_of(model).layers.InputLayer
    shapes = {}
    for layer in model.layers:
        if isinstance(layer, first) or hasattr(layer, "layers"):
            continue  # a nested model's layers are of another graph
        shape = getattr(_output(layer), "shape", None)
        if shape is not None and len(shape) > 1 and None not in tuple(shape[1:]):
            shapes[layer.name] = tuple(int(extent) for extent in shape[1:])
    return shapes


def _output(layer: Any) -> Any:
    """The array a layer gives; None where it is used several times, or never."""
    try:
        return layer.output
    except (AttributeError, ValueError):
        return None


def _check_name(name: str, shapes: dict[str, Shape], who: str) -> None:
    """A layer of that name exists.

    Raises:
        ConfigError: If not; it names the nearest and lists what there is.
    """
    if name in shapes:
        return
    close = difflib.get_close_matches(name, shapes, n=1, cutoff=0.5)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    raise ConfigError(
        f"distill.features: the {who} has no layer '{name}'.{hint} Its layers: {', '.join(shapes)}."
    )
