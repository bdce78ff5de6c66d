"""Looking inside two networks: which layers are compared, and how their features are aligned."""

from tinykd.taps.align import align, averaging_matrix
from tinykd.taps.match import match_layers
from tinykd.taps.taps import Taps, make_taps

__all__ = ["Taps", "align", "averaging_matrix", "make_taps", "match_layers"]
