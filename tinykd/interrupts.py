"""Ctrl-C that does not get lost.

Python drops an exception that is raised while it clears up an object. The handler therefore also
notes that it was asked, and a long training looks after every epoch.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

_asked = threading.Event()


def listen() -> None:
    """Note every interruption from now on; a main program calls it once."""
    _asked.clear()
    signal.signal(signal.SIGINT, _note)


def raise_if_asked() -> None:
    """Raise the interruption that was dropped, if there is one.

    Raises:
        KeyboardInterrupt: Once for what was asked.
    """
    if _asked.is_set():
        _asked.clear()
        raise KeyboardInterrupt


def _note(_signal: int, _frame: FrameType | None) -> None:
    _asked.set()
    raise KeyboardInterrupt
