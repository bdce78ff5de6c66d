"""The errors of the project: one line that says what, where, and what to do next."""


class TinykdError(Exception):
    """Base of every error that a user can cause and mend.

    The command line prints the message on one line and exits with ``exit_code``.
    """

    exit_code = 1


class ModelError(TinykdError):
    """A ``.tflite`` file is damaged, or is not a model that the compiler accepts."""


class UnsupportedOpError(ModelError):
    """An operator, or one of its parameters, is outside what the compiler supports.

    Args:
        op: TFLite operator name, such as ``"CONV_2D"``.
        tensor: Name of the operator's first output, as in the file.
        reasons: One sentence for each limit that is broken.
    """

    def __init__(self, op: str, tensor: str, reasons: list[str]) -> None:
        super().__init__(f"{op} at '{tensor}': {' '.join(reasons)}")
        self.op = op
        self.tensor = tensor
        self.reasons = tuple(reasons)


class ToolchainError(TinykdError):
    """A compiler or an emulator is missing, or failed on generated code."""


class BoardError(TinykdError):
    """A board or a core is not in the table."""
