"""Whatever a file holds, it is either read or told to be wrong; nothing else is raised."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpsim.traces.formats import FORMATS, faults, read
from mpsim.traces.playing import opportunities

CELLS = st.sampled_from(
    ["0", "1", "2.5", "-1", "nan", "1e999", "1_0", "", "x", "D", "time_s", "a_bps", "2023-13-40 10:00:00", '"', "1e20"]
)
LINES = st.lists(st.tuples(st.lists(CELLS, max_size=4), st.sampled_from([",", " ", "\t"])), max_size=6)


@pytest.mark.parametrize("format", [None, *FORMATS])
@given(lines=LINES, tail=st.binary(max_size=12))
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage(tmp_path: Path, format: str | None, lines: list[tuple[list[str], str]], tail: bytes) -> None:
    path = tmp_path / "garbage"
    path.write_bytes("\n".join(separator.join(cells) for cells, separator in lines).encode() + tail)
    if told := faults(path, format):
        with pytest.raises(ValueError, match=r"\w"):
            read(path, format)
        assert all(one and "\n" not in one for one in told)
    else:
        found = read(path, format)
        assert found.opportunities or found.windows or found.delays


def test_what_is_too_long_or_too_much(tmp_path: Path) -> None:
    (tmp_path / "long").write_text("0 1\n1e9 1\n")
    assert faults(tmp_path / "long") == ["at most 2678400 s (31 days); given 2000000000 s"]
    (tmp_path / "much").write_text("0 1e9\n1 1e9\n")

    with pytest.raises(ValueError, match="at most 50000000 packets"):
        opportunities(tmp_path / "much")
