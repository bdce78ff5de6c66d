"""Names that C accepts."""

from __future__ import annotations

import re

_MAX_LENGTH = 48  # leaves room for suffixes within the 63 significant characters of C99

# Keywords of C99 and C++17; and the headers of the C library and of Arduino: a model called
# "math" would be math.h.
_KEYWORDS = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl const
    constexpr const_cast continue decltype default delete do double dynamic_cast else enum explicit
    export extern false float for friend goto if inline int long mutable namespace new noexcept not
    not_eq nullptr operator or or_eq private protected public register reinterpret_cast restrict
    return short signed sizeof static static_assert static_cast struct switch template this
    thread_local throw true try typedef typeid typename union unsigned using virtual void volatile
    wchar_t while xor xor_eq
"""
_HEADERS = """
    arduino assert complex ctype errno fenv inttypes iso646 limits locale math setjmp signal stdarg
    stdbool stddef stdint stdio stdlib string tgmath time wchar wctype
"""
_TAKEN = frozenset(_KEYWORDS.split()) | frozenset(_HEADERS.split())


def c_identifier(text: str) -> str:
    """Return the C identifier, lower case, that stands for ``text``.

    Args:
        text: Any text, such as the stem of a file name.

    Returns:
        Letters, digits and single underscores, a letter first, at most 48 characters; neither a
        keyword of C or C++ nor a standard header. Text without a usable character gives
        ``"model"``.

    Example:
        >>> c_identifier("My Model-3")
        'my_model_3'
        >>> c_identifier("3 layers"), c_identifier("int"), c_identifier("...")
        ('model_3_layers', 'int_model', 'model')
    """
    words = re.findall(r"[a-z0-9]+", text.lower())
    name = "_".join(words)[:_MAX_LENGTH].rstrip("_")
    if not name:
        return "model"
    if name[0].isdigit():
        return f"model_{name}"[:_MAX_LENGTH].rstrip("_")
    return f"{name}_model" if name in _TAKEN else name


def is_c_identifier(name: str) -> bool:
    """Whether ``name`` can be used as it is as the prefix of generated names.

    Example:
        >>> is_c_identifier("digits"), is_c_identifier("math"), is_c_identifier("a-b")
        (True, False, False)
    """
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) is not None and name.lower() not in _TAKEN


def camel_case(name: str) -> str:
    """Return a C identifier as one capitalised word, for Arduino's folder names.

    Example:
        >>> camel_case("my_model_3")
        'MyModel3'
    """
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))
