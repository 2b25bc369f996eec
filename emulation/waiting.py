"""Waiting for something to be so, with a deadline: the only place that may look again and again."""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Callable
from typing import IO

_POLL = 0.01  # s


def wait_for_line(stream: IO[bytes], wanted: str, timeout: float) -> bool:
    """Read a program's output until a line contains `wanted`; False if it ends or `timeout` (s) passes before."""
    deadline = time.monotonic() + timeout
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                return False
            piece = os.read(stream.fileno(), 4096)
            if not piece:
                return False
            said += piece
            if wanted.encode() in said:
                return True
    return False


def wait_until(condition: Callable[[], bool], timeout: float) -> bool:
    """Look at `condition` until it holds; False if `timeout` (s) passes before."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True
