"""The ``.h`` file: sizes, quantization, entry points and helpers."""

from __future__ import annotations

from firmware_export.codegen.model import CodeModel
from firmware_export.codegen.text import c_float, comment, shape_text
from firmware_export.compiled import Port
from firmware_export.memory import ALIGNMENT_BYTES


def header_file(model: CodeModel) -> str:
    """The text of ``<name>.h``."""
    guard = f"{model.name.upper()}_H"
    parts = [
        comment(*model.provenance),
        f"#ifndef {guard}\n#define {guard}",
        "#include <stddef.h>\n#include <stdint.h>",
        '#ifdef __cplusplus\nextern "C" {\n#endif',
        _sizes(model),
        *(_port(model.name, port, i, "input") for i, port in enumerate(model.inputs)),
        *(_port(model.name, port, i, "output") for i, port in enumerate(model.outputs)),
        _invoke(model.name),
        *(_quantize(model.name, i) for i in range(len(model.inputs))),
        *(_dequantize(model.name, i) for i in range(len(model.outputs))),
        _argmax(model.name),
        "#ifdef __cplusplus\n}\n#endif",
        f"#endif /* {guard} */",
    ]
    return "\n\n".join(parts) + "\n"


def _sizes(model: CodeModel) -> str:
    upper = model.name.upper()
    aligned = f"__attribute__((aligned({upper}_ARENA_ALIGNMENT)))"
    about = comment(
        "All working memory. Declare it as:",
        f"static uint8_t arena[{upper}_ARENA_BYTES] {aligned};",
    )
    return (
        f"{about}\n#define {upper}_ARENA_BYTES {model.arena_bytes}\n"
        f"#define {upper}_ARENA_ALIGNMENT {ALIGNMENT_BYTES}\n"
        f"#define {upper}_ERROR_ARENA 1 /* the arena is NULL or not aligned */"
    )


def _port(name: str, port: Port, index: int, kind: str) -> str:
    constant = "const " if kind == "output" else ""
    macro = f"{name.upper()}_{kind.upper()}{_suffix(index)}"
    about = comment(
        f"{kind.capitalize()} {index}: '{port.name}' {shape_text(port.shape)}",
        "real = SCALE * (value - ZERO_POINT)",
    )
    return (
        f"{about}\n"
        f"#define {macro}_BYTES {port.size_bytes}\n"
        f"#define {macro}_SCALE {c_float(port.scale)}\n"
        f"#define {macro}_ZERO_POINT ({port.zero_point})\n"
        f"{constant}int8_t *{name}_{kind}{_suffix(index)}({constant}uint8_t *arena);"
    )


def _invoke(name: str) -> str:
    about = comment(
        "Run the model on what the input holds.",
        "The memory of the input is used again during the run: write all of it before every call.",
        "The output stays until the next write to the arena.",
        "Returns 0, or an error code from above.",
    )
    return f"{about}\nint {name}_invoke(uint8_t *arena);"


def _quantize(name: str, index: int) -> str:
    suffix = _suffix(index)
    macro = f"{name.upper()}_INPUT{suffix}"
    about = comment(
        f"The value for input {index} that is nearest to a real one: ties away from zero,",
        "saturated. Not-a-number gives the lowest value.",
    )
    return f"""{about}
static inline int8_t {name}_quantize_input{suffix}(float real)
{{
    const float steps = real / {macro}_SCALE;
    int32_t nearest;
    if (!(steps > (float)(-128 - {macro}_ZERO_POINT))) {{
        return -128;
    }}
    if (steps >= (float)(127 - {macro}_ZERO_POINT)) {{
        return 127;
    }}
    nearest = (int32_t)steps;
    if (steps - (float)nearest >= 0.5f) {{
        ++nearest;
    }} else if (steps - (float)nearest <= -0.5f) {{
        --nearest;
    }}
    return (int8_t)(nearest + {macro}_ZERO_POINT);
}}"""


def _dequantize(name: str, index: int) -> str:
    suffix = _suffix(index)
    macro = f"{name.upper()}_OUTPUT{suffix}"
    return f"""{comment(f"The real value of one value of output {index}.")}
static inline float {name}_dequantize_output{suffix}(int8_t value)
{{
    return {macro}_SCALE * (float)(value - {macro}_ZERO_POINT);
}}"""


def _argmax(name: str) -> str:
    about = comment("Index of the largest value of output 0, the first of equals: the class.")
    return f"""{about}
static inline int32_t {name}_argmax(const uint8_t *arena)
{{
    const int8_t *const values = {name}_output(arena);
    int32_t largest = 0;
    int32_t i;
    for (i = 1; i < {name.upper()}_OUTPUT_BYTES; ++i) {{
        if (values[i] > values[largest]) {{
            largest = i;
        }}
    }}
    return largest;
}}"""


def _suffix(index: int) -> str:
    return f"_{index}" if index else ""
