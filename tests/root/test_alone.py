"""An emulated run has the machine for itself."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from emulation import run as module
from mpsim.errors import WorldError
from mpsim.scenario import Scenario

pytestmark = pytest.mark.root


def test_run_holds_the_machine_alone(two_equal: Scenario, own_locks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(*_arguments: object) -> None:
        for path in own_locks.glob("*machine*"):
            file = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WorldError("held") from None
            finally:
                os.close(file)

    monkeypatch.setattr(module, "_drive", look)
    with pytest.raises(WorldError, match="held"):
        module.world.run(two_equal)
