"""Two portals started by hand, with the very lines of docs/portal.md, carry a transfer that survives a pulled link."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from shelling import lines_of, shell

pytestmark = pytest.mark.root


def lines_of_the_page() -> str:
    """The lines of two portals by hand."""
    return lines_of("portal.md", "by hand")


# What happens to interfaces, with one cable left: each time a ping has to come through again.
TROUBLE = """
works() { timeout 20 sh -c 'until ip netns exec here ping -c 1 -W 1 172.19.152.1 > /dev/null; do sleep 0.1; done'; }
ip -n here link set dev lte0 down
works && echo "one cable"
ip -n here link del dsl0
sleep 0.5
ip link add dsl0 netns here type veth peer name dsl1 netns there
ip -n here address add 10.1.0.1/24 dev dsl0
ip -n there address add 10.1.0.2/24 dev dsl1
ip -n here link set dev dsl0 up
ip -n there link set dev dsl1 up
works && echo "made anew"
ip -n here address del 10.1.0.1/24 dev dsl0
ip -n here address add 10.1.0.7/24 dev dsl0
works && echo "another address"
kill $there
wait $there
ip netns exec there mpsim portal up there.toml 2> again.log &
there=$!
works && echo "remote restarted"
kill $here
wait $here
ip netns exec here mpsim portal up here.toml 2> last.log &
here=$!
works && echo "local restarted"
kill $here $there
wait $here $there
"""


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    said = shell(lines_of_the_page(), tmp_path).stdout
    assert "arrived whole" in said
    assert "lte" in said
    assert "there/dsl: down: dsl0: no carrier" in (tmp_path / "here.log").read_text()


def test_interfaces_that_go_and_come_and_portals_that_restart(tmp_path: Path) -> None:
    lines, found, _ = lines_of_the_page().partition("# A transfer, ")
    assert found
    said = shell(lines + TROUBLE, tmp_path).stdout
    for what in ("one cable", "made anew", "another address", "remote restarted", "local restarted"):
        assert what in said
    log = (tmp_path / "here.log").read_text()
    # A pair that is deleted loses its carrier first: where that is seen, it is what the path is said to be down by.
    assert log.count("there/dsl: down: dsl0: no ") == 1, log
    assert log.count("dsl0: no such interface") == 1, log
