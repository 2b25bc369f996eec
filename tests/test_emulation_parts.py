"""The parts of the emulation that need no root: alarms, the loop, what runs leave, the plan of the load."""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from emulation import addresses as at
from emulation import runs
from emulation.doctor import doctor, gaps
from emulation.loop import Loop
from emulation.ranks import percentiles
from emulation.traffic import Flow, kernel_congestion, plan
from emulation.waiting import wait_for_line, wait_until
from mpsim.errors import WorldError
from mpsim.portal.timer import Timer
from mpsim.scenario import Scenario, parse

LONG = 10.0  # s; far longer than anything here takes


@pytest.fixture
def scenario() -> Scenario:
    return parse(
        {
            "schema": 1,
            "name": "parts",
            "warmup": "2s",
            "duration": "5s",
            "tunnel": {},
            "link": [{"name": "a", "rate": "8Mbit", "delay": {"down": "10ms", "up": "20ms"}}],
            "flow": [
                {"kind": "tcp", "congestion": "newreno"},
                {"kind": "udp", "rate": "1Mbit", "direction": "outbound", "via": "a", "start": "1s", "stop": "3s"},
                {"kind": "ping", "direction": "inbound"},
                {"kind": "tcp", "bytes": "10MB", "congestion": {"name": "cubic"}},
            ],
        }
    )


def readable(timer: Timer, seconds: float) -> bool:
    return bool(select.select([timer.descriptor], [], [], seconds)[0])


def test_a_timer_goes_off_at_once_for_a_time_in_the_past_and_never_for_infinity() -> None:
    timer = Timer()
    timer.arm(0.0)
    assert readable(timer, LONG)
    timer.clear()
    assert not readable(timer, 0.0)
    timer.arm(time.monotonic() + 1000)
    timer.arm(math.inf)
    assert not readable(timer, 0.0)
    due = time.monotonic() + 0.02
    timer.arm(due)
    assert readable(timer, LONG)
    assert time.monotonic() >= due
    timer.clear()
    timer.close()


def test_the_loop_calls_in_the_order_of_time_and_reads() -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    happened: list[str] = []
    loop = Loop(time.monotonic(), lambda _: math.inf)

    def read() -> None:
        happened.append(os.read(reader, 10).decode())
        loop.stop()

    loop.add_reader(reader, read)
    loop.call_at(0.02, lambda _: happened.append("second"))
    loop.call_at(0.01, lambda _: happened.append("first"))
    loop.call_at(0.03, lambda _: os.write(writer, b"read") and None)
    loop.run()
    assert happened == ["first", "second", "read"]
    assert len(loop.lags) == 3
    assert all(lag >= 0 for lag in loop.lags)
    assert loop.lag(0.0, LONG)["alarms"] == 3
    for descriptor in (reader, writer):
        os.close(descriptor)


def test_repeated_calls_keep_to_their_grid_and_the_step_is_asked_again() -> None:
    times: list[float] = []
    steps: list[float] = []
    loop = Loop(time.monotonic(), lambda now: steps.append(now) or math.inf)

    def tick(now: float) -> None:
        times.append(now)
        if len(times) == 3:
            loop.stop()

    loop.call_every(0.01, 0.01, tick)
    loop.run()
    assert all(when >= 0.01 * (number + 1) for number, when in enumerate(times))
    assert len(steps) >= 4


def test_the_loop_stops_on_a_signal() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    loop = Loop(time.monotonic(), lambda _: math.inf)
    loop.stop_on(signal.SIGUSR1)
    loop.call_at(0.0, lambda _: os.kill(os.getpid(), signal.SIGUSR1))
    loop.run()
    signal.signal(signal.SIGUSR1, before)


def test_clean_takes_the_dead_and_leaves_the_living(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runs, "FOLDER", tmp_path)
    gone = subprocess.Popen(["true"])
    gone.wait()
    me = os.getpid()
    for name in (f"{gone.pid}-1-1", f"{me}-{runs.start_time(me)}-1", f"{me}-1-1", "not-ours"):
        (tmp_path / name).mkdir()
    orphan = subprocess.Popen(["sleep", "600"], env={**os.environ, runs.MARK: f"{gone.pid}-1-1"})
    other = subprocess.Popen(["sleep", "600"], env={**os.environ, runs.MARK: f"{gone.pid}-1-11"})
    removed = runs.clean()
    assert orphan.wait(LONG) == -signal.SIGKILL
    assert other.poll() is None
    other.kill()
    other.wait()
    # The third one bears our process id, but another start time: the id was used before us.
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted([f"{me}-{runs.start_time(me)}-1", "not-ours"])
    assert f"process {orphan.pid} (sleep)" in removed
    assert len(removed) == 3
    assert runs.clean() == []


def test_a_run_is_registered_before_anything_else_and_gone_after_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runs, "FOLDER", tmp_path / "runs")
    with runs.new_run() as run:
        assert run.folder.is_dir()
        child = subprocess.Popen(["sleep", "600"], env=dict(run.environment()))
        assert wait_until(lambda: child.pid in runs.marked_processes(run.name), LONG)
    assert child.wait(LONG) == -signal.SIGKILL
    assert not run.folder.exists()


def test_start_time_tells_processes_apart() -> None:
    assert runs.start_time(os.getpid()) == runs.start_time(os.getpid())
    assert runs.start_time(2**22 + 1) is None


def test_waiting_for_a_line() -> None:
    talker = subprocess.Popen(["sh", "-c", "echo one; echo rea''dy now; exec sleep 600"], stdout=subprocess.PIPE)
    assert talker.stdout is not None
    assert wait_for_line(talker.stdout, "ready", LONG)
    assert not wait_for_line(talker.stdout, "ready", 0.01)
    talker.kill()
    talker.communicate()
    silent = subprocess.Popen(["true"], stdout=subprocess.PIPE)
    assert silent.stdout is not None
    assert not wait_for_line(silent.stdout, "ready", LONG)
    silent.communicate()


def test_percentiles_by_nearest_rank() -> None:
    assert percentiles([], 50) is None
    assert percentiles([3.0, 1.0, 2.0], 0, 50, 100) == {"p0": 1.0, "p50": 2.0, "p100": 3.0}


def test_the_plan_says_who_sends_by_which_way_and_when(scenario: Scenario) -> None:
    tcp, udp, ping, _ = plan(scenario)
    assert (tcp.sender, tcp.client_address, tcp.server_address) == (at.SERVER, at.CLIENT_ADDRESS, at.SERVER_ADDRESS)
    assert (tcp.start, tcp.stop) == (0.0, 7.0)
    assert (udp.sender, udp.client_address) == (at.CLIENT, at.cross_address(at.CLIENT, 0))
    assert (udp.start, udp.stop) == (3.0, 5.0)
    assert udp.setup > 5 * 0.030
    assert ping.setup == 0.0
    assert len({each.server_port for each in plan(scenario)}) == 4


class Hosts:
    """Notes what would be started."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, list[str]]] = []

    def start(self, host: str, command: list[str], **options: object) -> subprocess.Popen[bytes]:
        self.commands.append((host, command))
        return subprocess.Popen(["true"], **options)  # type: ignore[call-overload,no-any-return]


def test_iperf3_and_ping_get_what_the_scenario_says(scenario: Scenario) -> None:
    hosts = Hosts()
    for each in plan(scenario):
        flow = Flow(each, hosts)
        flow.start()
        assert flow.finish()["name"] == each.spec.name
    (host, tcp), (_, udp), (pinging, ping), (_, transfer) = hosts.commands
    assert host == at.CLIENT
    assert "-R" in tcp
    assert tcp[tcp.index("-C") + 1] == "reno"
    assert "-R" not in udp
    assert udp[udp.index("-b") + 1] == "1000000"
    assert udp[udp.index("-l") + 1] == "1200"
    assert pinging == at.SERVER
    assert ping[-1] == at.CLIENT_ADDRESS
    assert transfer[transfer.index("-n") + 1] == "10000000"
    assert "-t" not in transfer


def test_congestion_control_has_to_be_the_kernels(scenario: Scenario) -> None:
    assert kernel_congestion(scenario.flow[0]) == "reno"
    assert kernel_congestion(scenario.flow[3]) == "cubic"
    other = scenario.flow[0].model_copy(update={"congestion": "none"})
    with pytest.raises(WorldError, match="TCP has no none"):
        kernel_congestion(other)
    tuned = scenario.flow[0].model_copy(update={"congestion": {"name": "cubic", "beta": 0.5}})
    with pytest.raises(WorldError, match="no parameters"):
        kernel_congestion(tuned)


def test_interface_names_fit_and_addresses_differ() -> None:
    names = {at.access_interface(side, link) for side in at.PORTALS for link in range(64)}
    assert len(names) == 128
    assert max(map(len, names)) <= 15
    assert len({at.ethernet_address(side, link) for side in at.PORTALS for link in range(64)}) == 128


def test_the_doctor_names_a_remedy_for_every_gap() -> None:
    checks = doctor()
    assert {"root", "tun", "iperf3", "netem", "cores"} <= {check.name for check in checks}
    assert all(check.remedy for check in checks if not check.ok)
    assert all(not check.remedy for check in checks if check.ok)
    assert all(not gap.ok for gap in gaps())
