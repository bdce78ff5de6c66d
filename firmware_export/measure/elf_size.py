"""What an ELF file holds: bytes to load, symbols, and how much flash and RAM the model takes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section, SymbolTableSection
from elftools.elf.sections import Symbol as ElfSymbol

from firmware_export.compiled import CompiledModel
from firmware_export.errors import ToolchainError

# Output sections of bare_metal.ld that hold the model and what it pulls in from libraries.
_KINDS: dict[str, Literal["code", "constants", "data"]] = {
    ".text": "code",
    ".rodata": "constants",
    ".data": "data",
    ".bss": "data",
}


@dataclass(frozen=True)
class Symbol:
    """A function or an object of the model, or of a library that it uses.

    Attributes:
        name: Name in the ELF.
        address: Where it lies; bit 0 (Thumb) cleared.
        size_bytes: Its size.
        kind: ``"code"`` and ``"constants"`` are in flash, ``"data"`` is in RAM.
    """

    name: str
    address: int
    size_bytes: int
    kind: Literal["code", "constants", "data"]


@dataclass(frozen=True)
class Segment:
    """Bytes to be placed at an address before the program starts."""

    address: int
    data: bytes


@dataclass(frozen=True)
class ElfImage:
    """A linked bare-metal program.

    Attributes:
        segments: What to load, already at its run-time address.
        addresses: Every symbol of the file to its address, bit 0 cleared.
        symbols: Those of the model, by address.
        section_bytes: Sizes of ``.text``, ``.rodata``, ``.data`` and ``.bss``.
    """

    segments: tuple[Segment, ...]
    addresses: dict[str, int]
    symbols: tuple[Symbol, ...]
    section_bytes: dict[str, int]


@dataclass(frozen=True)
class Footprint:
    """Memory that the model takes from a board; the measuring harness is not counted.

    Attributes:
        flash_bytes: Code, constants and the start values of static data.
        weights_bytes: Constants: weights, biases, requantization multipliers, tables.
        code_bytes: Functions of the model and of the compiler's library that it calls (memcpy,
            64-bit division), with their literal pools and alignment.
        ram_bytes: ``arena_bytes`` + ``static_ram_bytes`` + ``stack_bytes``.
        arena_bytes: The caller's buffer, as the generated header says.
        static_ram_bytes: Variables of the model outside the arena; 0 for generated code.
        stack_bytes: Deepest stack of one call of ``invoke``, measured by an emulated run.
        symbols: Where the bytes are, largest first.
    """

    flash_bytes: int
    weights_bytes: int
    code_bytes: int
    ram_bytes: int
    arena_bytes: int
    static_ram_bytes: int
    stack_bytes: int
    symbols: tuple[Symbol, ...]


def read_elf(elf: bytes) -> ElfImage:
    """Read a program built by `build_firmware`.

    Raises:
        ToolchainError: Not an ELF file, or one without a symbol table.
    """
    try:
        file = ELFFile(io.BytesIO(elf))
        table = file.get_section_by_name(".symtab")
        if not isinstance(table, SymbolTableSection):
            raise ToolchainError("the ELF file has no symbol table. Build it with build_firmware.")
        return ElfImage(
            segments=_segments(file),
            addresses=_addresses(table),
            symbols=_model_symbols(file, table),
            section_bytes={name: _size(file.get_section_by_name(name)) for name in _KINDS},
        )
    except ELFError as error:
        raise ToolchainError(f"not an ELF file that can be read: {error}.") from error


def measure_footprint(compiled: CompiledModel, image: ElfImage, *, stack_bytes: int) -> Footprint:
    """Add up what the model takes.

    Args:
        compiled: The model, for its arena.
        image: The program it was linked into.
        stack_bytes: Measured stack of one inference.
    """
    size = image.section_bytes
    static_ram_bytes = size[".data"] + size[".bss"]
    return Footprint(
        flash_bytes=size[".text"] + size[".rodata"] + size[".data"],
        weights_bytes=size[".rodata"],
        code_bytes=size[".text"],
        ram_bytes=compiled.arena_bytes + static_ram_bytes + stack_bytes,
        arena_bytes=compiled.arena_bytes,
        static_ram_bytes=static_ram_bytes,
        stack_bytes=stack_bytes,
        symbols=tuple(sorted(image.symbols, key=lambda s: (-s.size_bytes, s.name))),
    )


def _segments(file: ELFFile) -> tuple[Segment, ...]:
    # p_vaddr: static data is placed where it is used, so no start code has to run first.
    return tuple(
        Segment(segment["p_vaddr"], segment.data())
        for segment in file.iter_segments("PT_LOAD")
        if segment["p_filesz"] > 0
    )


def _addresses(table: SymbolTableSection) -> dict[str, int]:
    return {
        symbol.name: symbol["st_value"] & ~1 if _type(symbol) == "STT_FUNC" else symbol["st_value"]
        for symbol in table.iter_symbols()
        if symbol.name and symbol["st_shndx"] != "SHN_UNDEF"
    }


def _model_symbols(file: ELFFile, table: SymbolTableSection) -> tuple[Symbol, ...]:
    found: dict[int, Symbol] = {}
    for symbol in table.iter_symbols():
        if _type(symbol) not in {"STT_FUNC", "STT_OBJECT"} or symbol["st_size"] == 0:
            continue
        section = file.get_section(symbol["st_shndx"])
        if section.name in _KINDS:
            address = symbol["st_value"] & ~1
            # One function may have several names; the last is the global one.
            found[address] = Symbol(symbol.name, address, symbol["st_size"], _KINDS[section.name])
    return tuple(found[address] for address in sorted(found))


def _type(symbol: ElfSymbol) -> str:
    kind: str = symbol["st_info"]["type"]
    return kind


def _size(section: Section | None) -> int:
    if section is None or not section["sh_flags"] & SH_FLAGS.SHF_ALLOC:
        return 0
    size: int = section["sh_size"]
    return size
