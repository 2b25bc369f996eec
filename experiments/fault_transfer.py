"""One end of the experiment `faults`' transfer (python -m experiments.fault_transfer serve|fetch ...).

    serve PORT SEED BYTES       sends so many bytes, which the seed makes, to who connects first
    fetch ADDRESS PORT          says "began" at the first byte, and at the end what it got, as one line of JSON

Both ask the kernel for CUBIC. Times are readings of the monotonic clock.
"""

from __future__ import annotations

import hashlib
import json
import socket
import sys
import time
from random import Random

BEGAN = "began"
CONGESTION = b"cubic"
SILENCE = 60.0  # s without a byte: it is over
CONNECT_TIMEOUT = 30.0  # s
_AGAIN = 0.1  # s
_READ = 65_536  # bytes


def contents(seed: int, size: int) -> bytes:
    """Return the bytes of a transfer."""
    return Random(f"transfer {seed}").randbytes(size)


def serve(port: int, seed: int, size: int) -> None:
    """Send to who connects first."""
    data = contents(seed, size)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CONGESTION)
        listener.bind(("", port))
        listener.listen(1)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        connection, _ = listener.accept()
        with connection:
            connection.sendall(data)


def fetch(address: str, port: int) -> None:
    """Take everything, and tell what it was."""
    with _connected(address, port) as connection:
        connection.settimeout(SILENCE)
        found = hashlib.sha256()
        size, stall = 0, 0.0
        begin = last = 0.0
        while piece := connection.recv(_READ):
            now = time.monotonic()
            if not size:
                begin = last = now
                sys.stdout.write(f"{BEGAN}\n")
                sys.stdout.flush()
            found.update(piece)
            size += len(piece)
            stall, last = max(stall, now - last), now
    told = {"bytes": size, "hash": found.hexdigest(), "duration_s": last - begin, "stall_s": stall}
    sys.stdout.write(f"{json.dumps(told)}\n")


def _connected(address: str, port: int) -> socket.socket:
    """Connect as soon as that is possible."""
    deadline = time.monotonic() + CONNECT_TIMEOUT
    while True:
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CONGESTION)
        connection.settimeout(2.0)
        try:
            connection.connect((address, port))
        except OSError:
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(_AGAIN)
        else:
            return connection


def main(arguments: list[str]) -> None:
    """Be one end."""
    if arguments[0] == "serve":
        serve(*map(int, arguments[1:]))
    else:
        fetch(arguments[1], int(arguments[2]))


if __name__ == "__main__":
    main(sys.argv[1:])
