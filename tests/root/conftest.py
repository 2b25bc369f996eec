"""What tests of the real world share: the tools they need, and a scenario that is quick to run."""

from __future__ import annotations

import pytest

from emulation.doctor import gaps
from mpsim.scenario import Scenario, parse


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine has no tools for, and say which."""
    missing = gaps()
    if not missing:
        return
    reason = "; ".join(f"{check.name}: {check.remedy or check.detail}" for check in missing)
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason=f"emulation needs {reason}"))


@pytest.fixture
def two_equal() -> Scenario:
    """Two equal links, one TCP flow and a ping, two seconds."""
    return parse(
        {
            "schema": 1,
            "name": "quick",
            "warmup": "1s",
            "duration": "2s",
            "tunnel": {},
            "link": [{"name": name, "rate": "8Mbit", "delay": "10ms"} for name in ("a", "b")],
            "flow": [{"kind": "tcp"}, {"kind": "ping", "direction": "outbound"}],
        }
    )
