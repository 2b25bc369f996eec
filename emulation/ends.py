"""A flow whose ends run in hosts and write into the run's folder, as the run sees it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emulation.program import Program
from emulation.traffic import Plan, Starter


class HostedFlow:
    """A flow while the run goes on.

    Parameters
        plan: the flow
        hosts: where programs are started
        folder: of the run
    """

    def __init__(self, plan: Plan, hosts: Starter, folder: Path) -> None:
        self.plan = plan
        self._hosts = hosts
        self._folder = folder


class ProgramFlow(HostedFlow):
    """A flow whose two ends are programs of their own (echo.py, replay.py); what they are called is its own matter."""

    def __init__(self, plan: Plan, hosts: Starter, folder: Path) -> None:
        super().__init__(plan, hosts, folder)
        self._ends: dict[str, Program] = {}

    def _start_program(self, host: str, name: str, module: str, *arguments: str) -> Program:
        def start(command: Sequence[str], **options: Any) -> Any:
            return self._hosts.start(host, command, **options)

        return Program(name, start, module, self._folder, *arguments)

    def _wait_ready(self, listening: str) -> None:
        """Wait for both ends; the one that listens does so from now on."""
        for program in self._ends.values():
            program.wait_ready()
        self._ends[listening].go(0.0)

    def processes(self) -> dict[str, int]:
        """Return the flow's processes that run."""
        return {end.name: end.process.pid for end in self._ends.values() if end.process.poll() is None}
