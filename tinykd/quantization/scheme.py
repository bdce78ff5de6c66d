"""The int8 scheme of this project, in the terms of ``tensorflow_model_optimization``.

``INT8_RULES`` says for each layer how its kernel is rounded and whether its output gets a range
of its own. Pooling by maximum or average, Reshape and Flatten get none: TFLite needs their input
and output to share one, and a second range would leave a QUANTIZE operator behind.
"""

from typing import Any, NamedTuple

import tf_keras

from tinykd.quantization import _tfmot
from tinykd.quantization.quantizers import RangeQuantizer, WeightQuantizer

_layers = tf_keras.layers


class Rule(NamedTuple):
    """How one layer type is quantized."""

    kernel: str | None  # name of the layer's kernel attribute
    granularity: str | None  # key of quantizers.GRANULARITIES
    output: bool  # whether its output has a range of its own


_VIEW = Rule(None, None, output=False)
_VALUE = Rule(None, None, output=True)

INT8_RULES: dict[type, Rule] = {
    _layers.Conv2D: Rule("kernel", "per_channel", output=True),
    _layers.DepthwiseConv2D: Rule("depthwise_kernel", "per_depthwise_channel", output=True),
    # One scale for a Dense layer: older microcontroller runtimes read only the first.
    _layers.Dense: Rule("kernel", "per_tensor", output=True),
    _layers.Add: _VALUE,
    _layers.ReLU: _VALUE,
    _layers.Activation: _VALUE,
    _layers.GlobalAveragePooling2D: _VALUE,
    _layers.AveragePooling2D: _VIEW,
    _layers.MaxPooling2D: _VIEW,
    _layers.Reshape: _VIEW,
    _layers.Flatten: _VIEW,
}


class Int8Config(_tfmot.QuantizeConfig):  # type: ignore[misc]  # untyped
    """Carries out one ``Rule``; the activation function itself is left alone.

    The output is rounded after the activation function, which TFLite fuses into the operator.
    """

    def __init__(self, kernel: str | None, granularity: str | None, output: bool) -> None:  # noqa: FBT001  # tfmot passes the configuration back by name
        self.kernel = kernel
        self.granularity = granularity
        self.output = output
        self.range = RangeQuantizer("moving_average") if output else None

    def get_weights_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
        """Return the kernel and its quantizer; biases stay float (int32 on the device)."""
        if self.kernel is None:
            return []
        return [(getattr(layer, self.kernel), WeightQuantizer(str(self.granularity)))]

    def set_quantize_weights(self, layer: Any, quantize_weights: list[Any]) -> None:
        """Let the layer compute with the rounded kernel."""
        for value in quantize_weights:
            setattr(layer, str(self.kernel), value)

    def get_activations_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
        """Return nothing: the output is rounded instead."""
        return []

    def set_quantize_activations(self, layer: Any, quantize_activations: list[Any]) -> None:
        """Change nothing."""
        del layer, quantize_activations  # AutoGraph cannot read a function without a statement

    def get_output_quantizers(self, layer: Any) -> list[Any]:
        """Return the quantizer of the output, if it has a range of its own."""
        return [] if self.range is None else [self.range]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"kernel": self.kernel, "granularity": self.granularity, "output": self.output}


class _InputRange(_tfmot.InputLayerQuantize):  # type: ignore[misc]  # untyped
    """Round the input with our range in place of the stock one."""

    def replacement(self, match_layer: Any) -> Any:
        node = super().replacement(match_layer)
        name = f"quant_{match_layer.layer['config']['name']}"  # the stock name has a counter in it
        layer = _tfmot.QuantizeLayer(RangeQuantizer("widest"), name=name)
        node.layer |= {"name": name, "config": layer.get_config()}
        return node

    def custom_objects(self) -> dict[str, Any]:
        return {**super().custom_objects(), "RangeQuantizer": RangeQuantizer}


class _Layout(_tfmot.QuantizeLayoutTransform):  # type: ignore[misc]  # untyped
    """Add the input's range; give Add + ReLU one range, after the ReLU.

    The other stock transforms fuse batch-norm and ReLU, which ``fold.py`` has done.
    """

    def apply(self, model: Any, layer_quantize_map: dict[str, Any]) -> Any:
        transforms = [
            _InputRange(),
            _tfmot.LayerReLUQuantize(),
            _tfmot.LayerReluActivationQuantize(),
        ]
        return _tfmot.ModelTransformer(
            model, transforms, set(layer_quantize_map), layer_quantize_map
        ).transform()


class _Registry(_tfmot.QuantizeRegistry):  # type: ignore[misc]  # untyped
    """Look the layer up in ``INT8_RULES``."""

    def supports(self, layer: Any) -> bool:
        return type(layer) in INT8_RULES

    def get_quantize_config(self, layer: Any) -> Int8Config:
        return Int8Config(**INT8_RULES[type(layer)]._asdict())


class Int8Scheme(_tfmot.Default8BitQuantizeScheme):  # type: ignore[misc]  # untyped
    """What ``quantize_apply`` takes as ``scheme``."""

    def get_layout_transformer(self) -> _Layout:
        """Return the rewrites made before the layers are wrapped."""
        return _Layout()

    def get_quantize_registry(self) -> _Registry:
        """Return the table of layers."""
        return _Registry()


CUSTOM_OBJECTS: dict[str, type] = {
    "Int8Config": Int8Config,
    "RangeQuantizer": RangeQuantizer,
    "WeightQuantizer": WeightQuantizer,
}
