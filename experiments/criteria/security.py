"""4. Is the security no worse than that of a plain link?"""

from __future__ import annotations

from experiments.base import Trial
from experiments.criterion import Criterion, Effort, Runs, Status, Verdict

REASON = (
    "left open: datagrams carry room for a tag, but nothing is authenticated or encrypted yet; whoever can reach a "
    "portal can inject packets. The mechanisms come with a later version, and this row with them."
)


class Security(Criterion):
    """No runs yet."""

    id = "4"
    name = "security"
    tier = "core"
    question = "Is the security no worse than that of a plain link?"
    rule = "Forged and replayed datagrams are refused and counted in every run (to be decided when there are keys)."

    def trials(self, world: str, effort: Effort) -> list[Trial]:
        return []

    def judge(self, runs: Runs) -> Verdict:
        return Verdict(Status.OPEN, REASON)
