"""The emulated world, as the command line finds it: `world.run(scenario)`, `world.doctor()`, `world.clean()`.

A run happens in namespaces of its own, in a process that is started here and killed here: whatever
becomes of us, nothing of it is left but a folder (runs.py).
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import mpsim
from emulation import addresses as at
from emulation import joined, mptcp, netem
from emulation import records as tables
from emulation.calls import CallMeasure
from emulation.capturing import read_capture
from emulation.doctor import SIPP, doctor, gaps, tool
from emulation.echoed import EchoMeasure
from emulation.measuring import KINDS as CAPTURED
from emulation.measuring import FlowMeasure, measure
from emulation.poisson import is_replayed, write_poisson
from emulation.program import Job
from emulation.replay import write_schedules
from emulation.replayed import ReplayedMeasure
from emulation.runs import ISOLATED, Run, clean, new_run
from emulation.traffic import kernel_congestion, kernel_name, plan
from emulation.validity import reasons, unmodelled
from mpsim import locks
from mpsim.build import OUTER_MTU, inner_mtu
from mpsim.errors import WorldError
from mpsim.result import Result, SeriesRow, assemble
from mpsim.scenario import FlowSpec, Scenario
from mpsim.summary import aggregation_rows, failover_rows
from mpsim.worlds import Check

Measure = FlowMeasure | ReplayedMeasure | EchoMeasure | CallMeasure

LINKS_VARIABLE = "MPSIM_LINKS"
BACKENDS = ("own", "netem")
# Building, draining and collecting take a few seconds; a run that takes so much longer hangs.
LONGEST_EXTRA = 120.0  # s
IPV6 = Path("/proc/sys/net/ipv6")
MACHINE_WIDE = ("net/core/netdev_max_backlog", "net/core/rmem_max", "net/core/wmem_max")


class Emulation:
    """Mininet hosts, real TUN interfaces, real TCP."""

    def run(self, scenario: Scenario, *, pcap: Path | None = None) -> Result:
        """Run once, alone on this machine; captures go to `pcap`. Raises WorldError if this machine cannot."""
        _require(scenario)
        backend = _backend(scenario)
        if pcap is not None:
            pcap.mkdir(parents=True, exist_ok=True)
        with locks.machine(alone=True), new_run() as run:
            began = time.perf_counter()
            job = Job(
                links=backend,
                pcap=str(pcap.resolve()) if pcap is not None else None,
                epochs={side: secrets.randbits(32) for side in at.PORTALS},
            )
            job.write(run.folder, scenario)
            write_schedules(scenario, run.folder, lambda spec: _largest(scenario, spec))
            write_poisson(scenario, run.folder)
            _drive(run, scenario)
            records = json.loads((run.folder / "records.json").read_text())
            if "error" in records:
                raise WorldError(records["error"])
            if pcap is not None:
                for host in at.END_HOSTS:
                    shutil.copyfile(run.folder / f"{host}.headers", pcap / f"{host}.pcap")
            return _result(scenario, records, run.folder, time.perf_counter() - began, job)

    def doctor(self) -> list[Check]:
        """Say what this machine can do and how each gap is mended."""
        return doctor()

    def clean(self) -> list[str]:
        """Remove what killed runs left."""
        return clean()


world = Emulation()


def _require(scenario: Scenario) -> None:
    missing = gaps()
    if missing:
        first = missing[0]
        others = f" (and {len(missing) - 1} more: mpsim doctor)" if len(missing) > 1 else ""
        raise WorldError(f"emulation needs {first.name}: {first.detail}; {first.remedy}{others}")
    mptcp.require(scenario)
    if at.IPV6 in {scenario.topology.inner, scenario.topology.outer} and not IPV6.exists():
        raise WorldError('this kernel has no IPv6; topology.inner and topology.outer can only be "ipv4"')
    if scenario.tunnel is not None and scenario.tunnel.transport == "tcp":
        kernel_name(scenario.tunnel.congestion, "tunnel")
    for flow in scenario.flow:
        if flow.kind in {"tcp", "echo"}:
            kernel_congestion(flow)
        if flow.kind == "voip" and not (phone := tool(SIPP)).ok:
            raise WorldError(f"flow {flow.name}: a call needs {SIPP}: {phone.detail}; {phone.remedy}")


def _backend(scenario: Scenario) -> str:
    backend = os.environ.get(LINKS_VARIABLE, "own")
    if backend not in BACKENDS:
        raise WorldError(f"{LINKS_VARIABLE}: one of {', '.join(BACKENDS)}; given {backend!r}")
    if backend == "netem":
        netem.require(scenario)
    return backend


def _drive(run: Run, scenario: Scenario) -> None:
    """Let the driver do the run in namespaces of its own; kill it if we are interrupted."""
    environment = dict(run.environment())
    # The programs have to be found by -m from wherever we were started, installed or not.
    root = str(Path(mpsim.__file__).resolve().parents[1])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH"))))
    log = run.folder / "driver.log"
    command = [*ISOLATED, sys.executable, "-m", "emulation.driver", str(run.folder)]
    with log.open("wb") as errors:
        driver = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # never written to; its end tells the driver that we are gone
            stdout=errors,
            stderr=errors,
            env=environment,
            start_new_session=True,  # Ctrl-C is ours to handle
        )
        try:
            status = driver.wait(scenario.warmup + scenario.duration + LONGEST_EXTRA)
        except subprocess.TimeoutExpired:
            raise WorldError("the emulation hangs: it took two minutes longer than the scenario") from None
        finally:
            if driver.poll() is None:
                driver.kill()
                driver.wait()
            assert driver.stdin is not None
            driver.stdin.close()
    if status:
        lines = log.read_text(errors="replace").strip().splitlines()
        raise WorldError(f"the emulation failed (status {status}): {lines[-1] if lines else 'no message'}")


def _result(scenario: Scenario, records: dict[str, Any], folder: Path, wall_s: float, job: Job) -> Result:
    flows = _measured(scenario, records, folder)
    rows: list[SeriesRow] = [row for flow in flows for row in flow.series()]
    rows += tables.series(scenario, records)
    links = tables.link_rows(scenario, records)
    subflows = joined.reports(flows)
    parts = {
        "flows": [flow.row() for flow in flows],
        "links": links,
        "tunnel": tables.tunnel_row(scenario, records, folder),
        "paths": [*tables.path_rows(scenario, records), *joined.path_rows(scenario, flows)],
        "aggregation": aggregation_rows(scenario, {flow.plan.spec.name: flow.goodput for flow in flows}),
        "failovers": failover_rows(scenario, rows, tables.lost_while_down(links)),
    }
    return assemble(
        scenario,
        world="emulation",
        wall_s=wall_s,
        parts=parts,
        rows=rows,
        reasons=[*reasons(scenario, records), *joined.reasons(scenario, subflows)],
        packages=("mininet",),
        extra={"emulation": {**_own_record(scenario, records, job), **({"mptcp": subflows} if subflows else {})}},
        captures=sorted(Path(job.pcap).glob("*.pcap")) if job.pcap else (),
    )


def _measured(scenario: Scenario, records: dict[str, Any], folder: Path) -> list[Measure]:
    """Return the figures of all flows, in the scenario's order."""
    begin, end = scenario.warmup, scenario.warmup + scenario.duration
    offset = sum(records["clock_offset_s"]) / len(records["clock_offset_s"])
    seen = {host: list(read_capture(folder / f"{host}.headers", offset)) for host in at.END_HOSTS}
    plans = plan(scenario)
    by_headers = [each for each in plans if not is_replayed(each.spec) and each.spec.kind in CAPTURED]
    captured = measure(by_headers, seen, begin, end, joined.measure_of)
    found: dict[int, Measure] = {flow.plan.index: flow for flow in captured}
    for each, report in zip(plans, records["flows"], strict=True):
        if is_replayed(each.spec):
            found[each.index] = ReplayedMeasure(each, report, records["origin_s"], begin, end)
        elif each.spec.kind == "echo":
            found[each.index] = EchoMeasure(each, report, records["origin_s"], begin, end)
        elif each.spec.kind == "voip":
            found[each.index] = CallMeasure(each, report, seen, begin, end)
    return [found[each.index] for each in plans]


def _largest(scenario: Scenario, spec: FlowSpec) -> int:
    return inner_mtu(scenario) if spec.via == "tunnel" else OUTER_MTU


def _own_record(scenario: Scenario, records: dict[str, Any], job: Job) -> dict[str, Any]:
    """Return what only this world knows: what was used, how well the machine kept up."""
    programs = records["programs"]
    links = programs["links"]["links"]
    return {
        "links": job.links,
        "link_priority": programs["links"]["priority"],
        "late_s": [{"name": link["name"], "direction": link["direction"], **(link["late_s"] or {})} for link in links],
        "loop_lag_s": {name: program["lag_s"] for name, program in programs.items()},
        "receive_buffer_drops": {
            name: sum(program["total"]["socket_drops"]) for name, program in programs.items() if name != "links"
        },
        "portal_cpu_ratio": {
            name: (program["end"]["cpu_s"] - program["begin"]["cpu_s"]) / scenario.duration
            for name, program in programs.items()
            if name != "links"
        },
        "unmodelled_losses": {text: count for text, count in unmodelled(scenario, records).items() if count},
        "machine": records["machine"],
        "sysctls": {**records["sysctls"], **_machine_wide()},
        "sipp": [{"name": flow["name"], **flow["sipp"]} for flow in records["flows"] if "sipp" in flow],
        "iperf3": [{"name": flow["name"], **flow["iperf3"]} for flow in records["flows"] if "iperf3" in flow],
    }


def _machine_wide() -> dict[str, str]:
    found = {}
    for name in MACHINE_WIDE:
        path = Path("/proc/sys", name)
        if path.exists():
            found[name.replace("/", ".")] = " ".join(path.read_text().split())
    return found
