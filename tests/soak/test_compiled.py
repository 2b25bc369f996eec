"""What `make fast` compiles gives the very same results as the sources it was made from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAST = ROOT / "build" / "fast" / "lib"
SCENARIOS = sorted((ROOT / "experiments" / "scenarios").glob("*.toml"))


def outcome(scenario: Path, **environment: str) -> tuple[str, dict[str, object]]:
    """Run a scenario in a process of its own; return where the tunnel's code was, and the result without times."""
    code = (
        "import json, sys, mpsim, mpsim.tunnel.path as path\n"
        "result = mpsim.run(mpsim.load(sys.argv[1], ['warmup=1s']))\n"
        "print(json.dumps([path.__file__, result.data, result.series_csv()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(scenario)],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env={**os.environ, "PYTHONSAFEPATH": "1", **environment},
    )
    where, data, series = json.loads(done.stdout)
    del data["wall_s"]
    return where, {"result": data, "series": series}


@pytest.mark.skipif(not FAST.exists(), reason="nothing is compiled: make fast")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_compiled_and_interpreted_agree(scenario: Path) -> None:
    compiled_at, compiled = outcome(scenario, PYTHONPATH=str(FAST))
    source_at, source = outcome(scenario, PYTHONPATH=str(ROOT))
    assert (Path(compiled_at).suffix, Path(source_at).suffix) == (".so", ".py")
    assert compiled == source
