"""A student and its teacher with chosen layers laid open, side by side in one training step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tinykd.errors import ConfigError
from tinykd.keras_models import library_of
from tinykd.lesson import FeaturePair
from tinykd.taps.align import align, common_resolution
from tinykd.taps.match import Shape, match_layers


@dataclass(frozen=True)
class Taps:
    """Both networks with further outputs; they share layers and weights with the originals.

    Attributes:
        pairs: Compared layers, (student's name, teacher's name).
        student: Model from its inputs to [logits, *features].
        teacher: Likewise; always asked in inference mode, and no gradient goes into it.
        resolutions: Positions at which each pair is compared.
        adaptors: A 1x1 convolution for each pair, trained with the student and then dropped.
        prepare_teacher: From the rows that student and teacher share to the teacher's input.
    """

    pairs: tuple[tuple[str, str], ...]
    student: Any
    teacher: Any
    resolutions: tuple[Shape, ...]
    adaptors: tuple[Any, ...]
    prepare_teacher: Callable[[Any], Any]

    @property
    def adaptor_variables(self) -> list[Any]:
        """What is trained beside the student, as its library's variables."""
        return [variable for adaptor in self.adaptors for variable in adaptor.variables]

    def answer(
        self, inputs: Any, rows: Any, *, training: bool
    ) -> tuple[Any, Any, tuple[FeaturePair, ...]]:
        """What both say of one batch.

        Args:
            inputs: What the student takes.
            rows: The same samples as ``prepare_teacher`` takes them.
            training: Of the student; the teacher never trains.

        Returns:
            The student's outputs, the teacher's outputs, and the pairs of features.
        """
        outputs, *ours = self.student(inputs, training=training)
        taught, *theirs = self.teacher(self.prepare_teacher(rows), training=False)
        return (
            outputs,
            tf.stop_gradient(taught),
            tuple(map(self._pair, range(len(ours)), ours, theirs)),
        )

    def _pair(self, index: int, ours: Any, theirs: Any) -> FeaturePair:
        student = align(ours, self.resolutions[index])
        return FeaturePair(
            student=student,
            adapted=self.adaptors[index](student) if self.adaptors else None,
            teacher=tf.stop_gradient(align(theirs, self.resolutions[index])),
        )


def make_taps(
    student: Any,
    teacher: Any,
    named: Mapping[str, str],
    *,
    adapt: bool,
    maps: bool,
    seed: int,
    prepare_teacher: Callable[[Any], Any] = lambda rows: rows,
) -> Taps:
    """Lay chosen layers of both networks open.

    Args:
        student: Functional or Sequential model of either Keras.
        teacher: Likewise.
        named: Student's layers to teacher's layers; empty to match them by resolution.
        adapt: Whether the student's channels must be brought to the teacher's.
        maps: Whether a pair with one position alone says nothing.
        seed: Of the adaptors' weights.
        prepare_teacher: See ``Taps``.

    Raises:
        ConfigError: If a layer does not exist, or two layers cannot be compared.
    """
    pairs = tuple(match_layers(student, teacher, named).items())
    shapes = [(_shape(student, one), _shape(teacher, other)) for one, other in pairs]
    resolutions = tuple(
        common_resolution(*both, names) for both, names in zip(shapes, pairs, strict=True)
    )
    if maps:
        _check_maps(pairs, resolutions)
    library = library_of(student)
    adaptors = [
        _adaptor(library, theirs[-1], (*where, ours[-1]), seed + index)
        for index, ((ours, theirs), where) in enumerate(zip(shapes, resolutions, strict=True))
    ]
    return Taps(
        pairs=pairs,
        student=_tapped(student, [one for one, _ in pairs]),
        teacher=_tapped(teacher, [other for _, other in pairs]),
        resolutions=resolutions,
        adaptors=tuple(adaptors) if adapt else (),
        prepare_teacher=prepare_teacher,
    )


def _shape(model: Any, name: str) -> Shape:
    return tuple(int(extent) for extent in model.get_layer(name).output.shape[1:])


def _check_maps(pairs: tuple[tuple[str, str], ...], resolutions: tuple[Shape, ...]) -> None:
    for (one, other), where in zip(pairs, resolutions, strict=True):
        if not where:
            raise ConfigError(
                f"distill.features: 'attention' compares maps, and '{one}' or '{other}' is a "
                "vector. Use 'hint' or 'rkd', or choose layers before the pooling."
            )


def _adaptor(library: Any, channels: int, shape: Shape, seed: int) -> Any:
    """A linear map of the last axis: a 1x1 convolution, and Dense for vectors."""
    adaptor = library.layers.Dense(
        channels,
        kernel_initializer=library.initializers.GlorotUniform(seed),
        name=f"adaptor_{seed}",
    )
    adaptor.build((None, None, shape[-1]))
    return adaptor


def _tapped(model: Any, names: list[str]) -> Any:
    """The same network with the outputs of some layers behind its own."""
    outputs = [model.outputs[0], *(model.get_layer(name).output for name in names)]
    return library_of(model).Model(model.inputs[0], outputs)
