"""Resequencing at the receiver, one mode a file; base.py says what an endpoint asks of a buffer."""

from mpsim.tunnel.reorder.adaptive import AdaptiveTimeout
from mpsim.tunnel.reorder.base import NEVER, ReorderBuffer
from mpsim.tunnel.reorder.detect import Detect
from mpsim.tunnel.reorder.equalise import Equalise
from mpsim.tunnel.reorder.none import PassOn
from mpsim.tunnel.reorder.timeout import FixedTimeout

__all__ = ["NEVER", "AdaptiveTimeout", "Detect", "Equalise", "FixedTimeout", "PassOn", "ReorderBuffer"]
