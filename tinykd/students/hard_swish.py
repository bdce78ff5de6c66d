"""Hard swish, in the form that becomes one int8 operator."""

from typing import Any

import tensorflow as tf
import tf_keras


@tf_keras.utils.register_keras_serializable(package="tinykd")  # type: ignore[untyped-decorator]
def hard_swish(x: Any) -> Any:
    """``x * relu6(x + 3) / 6``, in the form that the converter makes one HARD_SWISH of.

    Args:
        x: float32, any shape.

    Source: Howard et al., "Searching for MobileNetV3", 2019, section 5.2.
    """
    return x * tf.nn.relu6(x + 3.0) * (1.0 / 6.0)
