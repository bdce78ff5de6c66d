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
        *([_reset(model.name)] if model.states else []),
        _invoke(model),
        *(_quantize(model.name, p, i) for i, p in enumerate(model.inputs) if p.type.quantized),
        *(_dequantize(model.name, p, i) for i, p in enumerate(model.outputs) if p.type.quantized),
        *(_argmax(model.name, p) for p in model.outputs[:1] if p.dtype != "int32"),
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
        "real = SCALE * (value - ZERO_POINT)" if port.type.quantized else "not quantized",
    )
    scale = (
        f"#define {macro}_SCALE {c_float(port.scale)}\n"
        f"#define {macro}_ZERO_POINT ({port.zero_point})\n"
    )
    return (
        f"{about}\n"
        f"#define {macro}_BYTES {port.size_bytes}\n"
        f"{scale if port.type.quantized else ''}"
        f"{constant}{port.type.c_name} *{name}_{kind}{_suffix(index)}({constant}uint8_t *arena);"
    )


def _reset(name: str) -> str:
    about = comment(
        "Start a new sequence: set the state of the model to its initial values.",
        "It lies in the arena and stays from one run to the next, as in TFLM. Call this before the",
        f"first {name}_invoke, and before each one that must not depend on those before it.",
        "Returns 0, or an error code from above.",
    )
    return f"{about}\nint {name}_reset(uint8_t *arena);"


def _invoke(model: CodeModel) -> str:
    kept = [f"Goes on from the state that the last call left; see {model.name}_reset."]
    about = comment(
        "Run the model on what the input holds.",
        *(kept if model.states else []),
        "The memory of the input is used again during the run: write all of it before every call.",
        "The output stays until the next write to the arena.",
        "Returns 0, or an error code from above.",
    )
    return f"{about}\nint {model.name}_invoke(uint8_t *arena);"


def _quantize(name: str, port: Port, index: int) -> str:
    ctype = port.type.c_name
    low, high = port.type.quantized or (0, 0)
    suffix = _suffix(index)
    macro = f"{name.upper()}_INPUT{suffix}"
    about = comment(
        f"The value for input {index} that is nearest to a real one: ties away from zero,",
        "saturated. Not-a-number gives the lowest value.",
    )
    return f"""{about}
static inline {ctype} {name}_quantize_input{suffix}(float real)
{{
    const float steps = real / {macro}_SCALE;
    int32_t nearest;
    if (!(steps > (float)({low} - {macro}_ZERO_POINT))) {{
        return {low};
    }}
    if (steps >= (float)({high} - {macro}_ZERO_POINT)) {{
        return {high};
    }}
    nearest = (int32_t)steps;
    if (steps - (float)nearest >= 0.5f) {{
        ++nearest;
    }} else if (steps - (float)nearest <= -0.5f) {{
        --nearest;
    }}
    return ({ctype})(nearest + {macro}_ZERO_POINT);
}}"""


def _dequantize(name: str, port: Port, index: int) -> str:
    suffix = _suffix(index)
    macro = f"{name.upper()}_OUTPUT{suffix}"
    return f"""{comment(f"The real value of one value of output {index}.")}
static inline float {name}_dequantize_output{suffix}({port.type.c_name} value)
{{
    return {macro}_SCALE * (float)(value - {macro}_ZERO_POINT);
}}"""


def _argmax(name: str, port: Port) -> str:
    count = f"{name.upper()}_OUTPUT_BYTES"
    if port.type.value_bytes > 1:
        count += f" / {port.type.value_bytes}"
    about = comment("Index of the largest value of output 0, the first of equals: the class.")
    return f"""{about}
static inline int32_t {name}_argmax(const uint8_t *arena)
{{
    const {port.type.c_name} *const values = {name}_output(arena);
    int32_t largest = 0;
    int32_t i;
    for (i = 1; i < {count}; ++i) {{
        if (values[i] > values[largest]) {{
            largest = i;
        }}
    }}
    return largest;
}}"""


def _suffix(index: int) -> str:
    return f"_{index}" if index else ""
