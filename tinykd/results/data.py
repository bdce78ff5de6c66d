"""What the data are."""

from __future__ import annotations

from tinykd.results.base import Result


class DataSummary(Result):
    """What the data stage prepared.

    Attributes:
        source: ``digits``, ``fashion-mnist`` or the file that was read.
        sha256: Hash of the arrays and the split.
        input_shape: Shape of one sample, without the batch.
        class_names: One name per output: per class, in label order.
        train_samples: Samples that weights are trained on.
        validation_samples: Samples that every choice is made on.
        test_samples: Samples that are looked at once, by ``evaluate``.
        input_scale: Power of two; the student computes on ``raw * input_scale``.
        input_range: Smallest and largest raw value of the training samples.
        unlabelled_samples: Samples without labels, which the teacher answers for.
        unlabelled_in_test: How many of them are test samples too.
        validation_rule: How the validation split was chosen.
        task: Row of the ``TASKS`` table.
        output_scale: Power of two; what a float student gives, times this, has the targets' unit.
    """

    source: str
    sha256: str
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    train_samples: int
    validation_samples: int
    test_samples: int
    input_scale: float
    input_range: tuple[float, float]
    unlabelled_samples: int = 0
    unlabelled_in_test: int = 0
    validation_rule: str = ""
    task: str = "classification"
    output_scale: float = 1.0
