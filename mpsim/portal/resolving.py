"""Names of other portals: asked for in a thread, since getaddrinfo(3) blocks, and the answer comes to the loop."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

Lookup = Callable[[str], Sequence[str]]
Answer = Callable[[Sequence[str]], object]


def lookup(host: str) -> list[str]:
    """Return the addresses of a host in the system's order (RFC 6724); none if there are none, or nobody answers."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Resolver:
    """Answers in the loop's thread to questions that a thread of its own puts.

    Parameters
        trigger: makes what wakes the loop, given what is to be called there (`Loop.trigger`)
        lookup: asks
    """

    def __init__(self, trigger: Callable[[Callable[[], None]], Callable[[], None]], lookup: Lookup = lookup) -> None:
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="names")
        self._answers: deque[tuple[Answer, Sequence[str]]] = deque()
        self._wake = trigger(self._tell)
        self._lock = Lock()
        self._closed = False

    def ask(self, host: str, answer: Answer) -> None:
        """Call `answer` in the loop with the addresses of `host`, later."""

        def done(future: Future[Sequence[str]]) -> None:
            with self._lock:
                if not self._closed and not future.cancelled():
                    self._answers.append((answer, future.result() if future.exception() is None else []))
                    self._wake()

        self._threads.submit(self._lookup, host).add_done_callback(done)

    def _tell(self) -> None:
        while self._answers:
            answer, found = self._answers.popleft()
            answer(found)

    def close(self) -> None:
        """Wait for nobody; what is answered from now on is not told."""
        with self._lock:
            self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
