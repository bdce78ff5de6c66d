"""The cores that a person can name, without importing the compiler to know them."""

CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "riscv32")
"""The keys of `firmware_export.target.CORES`."""
