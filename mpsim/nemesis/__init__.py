"""Deterministic simulation testing: a nemesis does to a tunnel whatever may happen, and a judge looks on.

    python -m mpsim.nemesis --seed 7           # play the script of a seed, print it and the verdict
    python -m mpsim.nemesis --seeds 0:200      # many; a failing one is cut down to the faults that it takes
    python -m mpsim.nemesis --script FILE      # one that was kept (--json prints it)

Two real endpoints with real keys, the wires between them, attackers beside them; one seed makes everything, so that
a failure happens again. `invariants.py` says what has to hold after every event, `script.py` what is done.
"""

from mpsim.nemesis.invariants import INVARIANTS
from mpsim.nemesis.script import KINDS, Fault, Script, draw
from mpsim.nemesis.shrink import shrink
from mpsim.nemesis.world import Verdict, play

__all__ = ["INVARIANTS", "KINDS", "Fault", "Script", "Verdict", "draw", "play", "shrink"]
