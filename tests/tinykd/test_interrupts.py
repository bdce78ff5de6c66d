"""An interruption that Python dropped is raised after the epoch."""

import signal
from contextlib import suppress

import pytest

from tinykd.interrupts import listen, raise_if_asked


def test_a_dropped_interruption_is_raised_later_and_once():
    before = signal.getsignal(signal.SIGINT)
    try:
        listen()
        raise_if_asked()
        with suppress(KeyboardInterrupt):  # as an object's clearing up does
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            raise_if_asked()
        raise_if_asked()
    finally:
        signal.signal(signal.SIGINT, before)
