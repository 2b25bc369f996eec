"""What can go wrong, told apart by whose fault it is: the input's or the machine's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class MpsimError(Exception):
    """Base of everything mpsim raises on purpose; its text is one readable line."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with the input: the key as written in the file, and what is allowed."""

    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message


class InputError(MpsimError):
    """The user's input is wrong; carries every fault found, so that all can be mended at once."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Fault, ...]]]:
        # Exceptions are rebuilt from their args when they cross a process border; ours take faults.
        return (type(self), (self.faults,))


class WorldError(MpsimError):
    """This machine cannot do what was asked (no root, no TUN, no Mininet ...)."""
