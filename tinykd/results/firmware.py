"""The C that a model became, and what it costs on every board."""

from __future__ import annotations

from tinykd.results.base import Result


class ExportResult(Result):
    """What was packaged.

    Attributes:
        files: Paths below the build directory, in the order in which a person wants them.
        operators: TFLite operators of the model, each once.
        threshold: Of an autoencoder: mean squared error, in the squared unit of the raw values,
            above which the device calls a sample anomalous. None for other tasks.
    """

    files: tuple[str, ...]
    operators: tuple[str, ...]
    threshold: float | None = None


class LayerCost(Result):
    """What one layer of the generated C costs, counted on the emulated core.

    Attributes:
        name: Output tensor in the ``.tflite``.
        op: TFLite operator.
        macs: Multiply-accumulates.
        weights_bytes: Constants that only this layer reads.
        instructions: Executed instructions of one inference.
        estimated_cycles: From the cycle model.
    """

    name: str
    op: str
    macs: int
    weights_bytes: int
    instructions: int
    estimated_cycles: int


class FootprintResult(Result):
    """Flash and RAM of the generated C on one core, from the linked ELF and the emulator.

    Attributes:
        core: Such as ``cortex-m4``.
        flash_bytes: Code and constants of the model.
        weights_bytes: Constants alone.
        code_bytes: Code alone.
        ram_bytes: Arena, static data and stack together.
        arena_bytes: ``<NAME>_ARENA_BYTES``.
        arena_lower_bound_bytes: Largest sum of activations that must be alive together, were none
            written over another; ``arena_bytes`` may be smaller.
        stack_bytes: High-water mark of the stack during an inference.
        how: What was measured, and with what.
    """

    core: str
    flash_bytes: int
    weights_bytes: int
    code_bytes: int
    ram_bytes: int
    arena_bytes: int
    arena_lower_bound_bytes: int
    stack_bytes: int
    how: str


class BoardLatency(Result):
    """Does it fit one board, and how long does it take there.

    Attributes:
        display_name: The board's name for people.
        core: Core that was emulated.
        clock_hz: Clock of the board.
        instructions: Counted on that core.
        estimated_cycles: From the cycle model of that core.
        latency_us: Estimated time of one inference in microseconds.
        flash_bytes: Needed by the model on that core.
        flash_limit_bytes: Usable on the board.
        ram_bytes: Needed by the model on that core.
        ram_limit_bytes: Usable on the board.
        fits: Both fit.
        how: How the latency was obtained.
    """

    display_name: str
    core: str
    clock_hz: int
    instructions: int
    estimated_cycles: int
    latency_us: float
    flash_bytes: int
    flash_limit_bytes: int
    ram_bytes: int
    ram_limit_bytes: int
    fits: bool
    how: str


class EmulateResult(Result):
    """The generated C on every core of the board table.

    Attributes:
        footprint: On the core of the target board.
        layers: Cost of each layer on that core.
        latency: Board key to fit and latency.
        emulated_samples: Test samples that ran on the emulated core, every byte compared.
        compiler: What compiled the C.
    """

    footprint: FootprintResult
    layers: tuple[LayerCost, ...]
    latency: dict[str, BoardLatency]
    emulated_samples: int
    compiler: str
