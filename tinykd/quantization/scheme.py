"""The int8 scheme of this project, in the terms of ``tensorflow_model_optimization``.

``INT8_RULES`` says for each layer how its kernel is rounded and whether its output gets a range
of its own. Pooling by maximum or average, Reshape and Flatten get none: TFLite needs their input
and output to share one, and a second range would leave a QUANTIZE operator behind.
"""

from typing import Any, NamedTuple

import tf_keras

from tinykd.errors import QuantizationError
from tinykd.quantization import _tfmot
from tinykd.quantization.activations import FIXED_RANGES
from tinykd.quantization.fold import fused_activation
from tinykd.quantization.quantizers import FixedRange, RangeQuantizer, WeightQuantizer

_layers = tf_keras.layers


class Rule(NamedTuple):
    """How one layer is quantized."""

    kernel: str | None  # name of the layer's kernel attribute
    granularity: str | None  # key of quantizers.GRANULARITIES
    output: str | None  # how its output gets a range: a key of quantizers.TRACKERS, "fixed", None


_VIEW = Rule(None, None, output=None)
_VALUE = Rule(None, None, output="moving_average")

INT8_RULES: dict[type, Rule] = {
    _layers.Conv2D: Rule("kernel", "per_channel", output="moving_average"),
    _layers.DepthwiseConv2D: Rule(
        "depthwise_kernel", "per_depthwise_channel", output="moving_average"
    ),
    # One scale: the converter does not see those of channels through the layout's change.
    _layers.Conv2DTranspose: Rule("kernel", "per_tensor", output="moving_average"),
    # One scale for a Dense layer: older microcontroller runtimes read only the first.
    _layers.Dense: Rule("kernel", "per_tensor", output="moving_average"),
    _layers.LeakyReLU: _VALUE,
    _layers.Add: _VALUE,
    _layers.Subtract: _VALUE,
    _layers.Multiply: _VALUE,
    _layers.Concatenate: _VALUE,
    _layers.ReLU: _VALUE,
    _layers.Activation: _VALUE,
    _layers.GlobalAveragePooling2D: _VALUE,
    _layers.GlobalMaxPooling2D: _VIEW,
    _layers.AveragePooling2D: _VIEW,
    _layers.MaxPooling2D: _VIEW,
    _layers.ZeroPadding2D: _VIEW,
    _layers.UpSampling2D: _VIEW,
    _layers.Reshape: _VIEW,
    _layers.Flatten: _VIEW,
    _layers.Permute: _VIEW,
}


def choose_rules(model: Any) -> dict[str, Rule]:
    """Rule of every layer, by name, where it stands in the network.

    What a ReLU is fused into has no range but the ReLU's. What a Concatenate joins has none but
    the Concatenate's: TFLite lays its inputs side by side as they are.

    Args:
        model: A functional ``tf_keras.Model`` of the layers in ``INT8_RULES``.

    Raises:
        QuantizationError: A Concatenate joins what must have a range of its own; names both.
    """
    rules = {
        layer.name: INT8_RULES[type(layer)] for layer in model.layers if type(layer) in INT8_RULES
    }
    for layer in model.layers:
        if type(layer) is _layers.Activation and layer.activation in FIXED_RANGES:
            rules[layer.name] = _VALUE._replace(output="fixed")
    for layer in model.layers:
        if type(layer) is _layers.Concatenate:
            for before in layer.inbound_nodes[0].parent_nodes:
                _share_range(before.layer, layer, rules)
        elif fused_activation(layer) is not None:
            before = layer.inbound_nodes[0].parent_nodes[0].layer
            rules[before.name] = rules[before.name]._replace(output=None)
    return rules


def _share_range(layer: Any, concatenate: Any, rules: dict[str, Rule]) -> None:
    """Leave the range of what is joined to the Concatenate; look through pooling and views."""
    rule = rules.get(layer.name)
    is_free = rule is not None and rule.output != "fixed" and len(layer.outbound_nodes) == 1
    is_free = is_free and getattr(layer, "activation", None) is not tf_keras.activations.elu
    if rule is None or not is_free:
        raise QuantizationError(
            f"Concatenate at '{concatenate.name}': '{layer.name}' is the student's input, is read "
            "elsewhere too or ends in sigmoid, tanh or elu, so the two cannot share a range. Put a "
            "Conv2D(channels, 1) between them, or use Add."
        )
    if rule.output is not None:
        rules[layer.name] = rule._replace(output=None)
    else:
        for node in layer.inbound_nodes[0].parent_nodes:
            _share_range(node.layer, concatenate, rules)


class Int8Config(_tfmot.QuantizeConfig):  # type: ignore[misc]  # untyped
    """Carries out one ``Rule``; the activation function itself is left alone.

    The output is rounded after the activation function, which TFLite fuses into the operator.
    """

    def __init__(
        self,
        kernel: str | None,
        granularity: str | None,
        output: str | None,
        fixed: tuple[float, float] | None = None,
    ) -> None:
        self.kernel = kernel
        self.granularity = granularity
        self.output = output
        self.fixed = fixed
        self.range = FixedRange(*fixed) if fixed else RangeQuantizer(output) if output else None

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
        return {
            "kernel": self.kernel,
            "granularity": self.granularity,
            "output": self.output,
            "fixed": self.fixed,
        }


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
    """Add the input's range, and give every layer the rule of its place in the network.

    The stock transforms fuse batch-norm and ReLU, which ``fold.py`` has done.
    """

    def apply(self, model: Any, layer_quantize_map: dict[str, Any]) -> Any:
        for name, rule in choose_rules(model).items():
            layer_quantize_map[name] = {"quantize_config": _config(model.get_layer(name), rule)}
        return _tfmot.ModelTransformer(
            model, [_InputRange()], set(layer_quantize_map), layer_quantize_map
        ).transform()


def _config(layer: Any, rule: Rule) -> Int8Config:
    fixed = FIXED_RANGES[layer.activation] if rule.output == "fixed" else None
    return Int8Config(**rule._asdict(), fixed=fixed)


class _Registry(_tfmot.QuantizeRegistry):  # type: ignore[misc]  # untyped
    """Look the layer up in ``INT8_RULES``."""

    def supports(self, layer: Any) -> bool:
        return type(layer) in INT8_RULES

    def get_quantize_config(self, layer: Any) -> Int8Config:
        return _config(layer, INT8_RULES[type(layer)])


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
    "FixedRange": FixedRange,
    "RangeQuantizer": RangeQuantizer,
    "WeightQuantizer": WeightQuantizer,
}
