"""The parts of ``tensorflow_model_optimization`` that this package builds on.

Its documented extension points (``QuantizeConfig``, ``Quantizer``, ``quantize_apply`` and its
scheme) and the base classes that a scheme is made of, which have no public name.
"""

import warnings

with warnings.catch_warnings():
    # It compares versions with distutils, which warns at each import.
    warnings.simplefilter("ignore", DeprecationWarning)
    import tensorflow_model_optimization as tfmot
    from tensorflow_model_optimization.python.core.quantization.keras import (
        quantize_layer,
        quantize_layout_transform,
        quantize_registry,
        quantize_wrapper,
    )
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_scheme,
        default_8bit_transforms,
    )
    from tensorflow_model_optimization.python.core.quantization.keras.graph_transformations import (
        model_transformer,
    )

keras_quantization = tfmot.quantization.keras

QuantizeConfig = keras_quantization.QuantizeConfig
Quantizer = keras_quantization.quantizers.Quantizer
QuantizeLayer = quantize_layer.QuantizeLayer
QuantizeWrapper = quantize_wrapper.QuantizeWrapper
QuantizeRegistry = quantize_registry.QuantizeRegistry
QuantizeLayoutTransform = quantize_layout_transform.QuantizeLayoutTransform
Default8BitQuantizeScheme = default_8bit_quantize_scheme.Default8BitQuantizeScheme
InputLayerQuantize = default_8bit_transforms.InputLayerQuantize
LayerReLUQuantize = default_8bit_transforms.LayerReLUQuantize
LayerReluActivationQuantize = default_8bit_transforms.LayerReluActivationQuantize
ModelTransformer = model_transformer.ModelTransformer
