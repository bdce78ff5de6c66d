"""How pages on a terminal are laid out: sections and tables that need no colour to be read."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tinykd.report.tables import CHOSEN, SHIPPED

WIDE_COLUMNS = 110
"""From this width on, the tables say more."""

WRAPPED = frozenset({"model", "board", "what it is", "file"})
"""The columns that give way where the terminal is narrow."""

# For an output that cannot encode these, such as a pipe on Windows.
ASCII = str.maketrans(
    {
        SHIPPED: "*",
        CHOSEN: "o",
        "−": "-",
        "–": "-",
        "─": "-",
        "×": "x",
        "·": "-",
        "±": "~",
        "…": "...",
    }
)


Page = Callable[[bool], RenderableType]
"""From whether there is room to say more to what is shown."""


def show(page: Page, console: Console) -> None:
    """Show a page; the console's width, colours and encoding are followed."""
    if console.is_terminal and not console.options.ascii_only:
        console.print(page(console.width >= WIDE_COLUMNS))
        return
    words = plain(page, console.width)
    if console.options.ascii_only:
        words = words.translate(ASCII).encode("ascii", "replace").decode()
    console.out(words, end="", highlight=False)


def plain(page: Page, width: int) -> str:
    """Write a page as plain text of so many columns."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=None, legacy_windows=False)
    console.print(page(width >= WIDE_COLUMNS))
    return "".join(line.rstrip() + "\n" for line in stream.getvalue().splitlines())


def section(title: str, body: RenderableType) -> Group:
    """One part of the page; the body stands one column in."""
    return Group("", text(title, style="bold"), Padding(body, (0, 0, 0, 1)))


def legend(words: str) -> Padding:
    """Explain marks under a table."""
    return Padding(Text(words, style="dim"), (0, 0, 0, 1))


def lines(sentences: Iterable[str]) -> Group:
    """One sentence under the other."""
    return Group(*(text(sentence) for sentence in sentences))


def table(columns: Iterable[str]) -> Table:
    """Make a table with one rule; a column named with a leading ``>`` is aligned right."""
    rows = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False,
        header_style="dim",
    )  # fmt: skip
    for column in columns:
        right = column.startswith(">")
        rows.add_column(
            column.removeprefix(">"),
            justify="right" if right else "left",
            no_wrap=column not in WRAPPED,
        )
    return rows


def add_row(rows: Table, cells: Iterable[str], *, style: str = "") -> None:
    """Add a row of plain words to a table."""
    rows.add_row(*(text(cell) for cell in cells), style=style)


def text(words: str, *, style: str = "") -> Text:
    """Show data as it is: what Rich would take for markup stays, escape codes do not."""
    return Text("".join(filter(str.isprintable, words)), style=style)
