"""The criteria of the dissertation's evaluation, in its order; one file each."""

from __future__ import annotations

from experiments.criteria.equal_links import EqualLinks
from experiments.criterion import Criterion

CRITERIA: tuple[Criterion, ...] = (EqualLinks(),)
