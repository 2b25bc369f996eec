"""`mpsim reproduce`: which criteria, what is run again, and the page that comes of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from commanding import Mpsim
from evaluating import Labels, made_up

from experiments import cells, reproduce
from experiments.criteria import CRITERIA
from experiments.criteria.equal_links import EqualLinks
from experiments.criterion import Answer, Runs, Status
from experiments.report import write_report
from experiments.reproduce import choose
from experiments.targets import differences, targets
from mpsim.errors import InputError
from mpsim.worlds import Check


def share(fraction: float) -> object:
    def numbers(labels: Labels) -> dict[str, float]:
        total = fraction * 1e6 * sum(cells.rates_of(labels["links"]))
        way = labels["direction"]
        return {f"aggregation.{way}.goodput_bps": total, f"aggregation.{way}.efficiency": fraction / 0.92}

    return numbers


def answer(simulated: float = 0.91, emulated: float = 0.90, *, valid: bool = True) -> Answer:
    one = EqualLinks()
    worlds = {
        "simulation": made_up(one, share(simulated), world="simulation"),
        "emulation": made_up(one, share(emulated), world="emulation", valid=valid),
    }
    return Answer(one, worlds, {world: one.verdict(runs) for world, runs in worlds.items()})


class Page(HTMLParser):
    """What a page loads, and whether every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answer, Path]:
    """An answer, and the page written of it: drawing takes a while, and nobody changes it."""
    one = answer()
    return one, write_report([one], ["simulation", "emulation"], tmp_path_factory.mktemp("report"))


class TestReport:
    def test_page_needs_nothing_else(self, written: tuple[Answer, Path]) -> None:
        text = written[1].read_text()
        page = Page()
        page.feed(text)
        assert page.open == []
        assert page.loads
        assert all(each.startswith(("data:image/png;base64,", "#")) for each in page.loads)
        assert "url(" not in text

    def test_verdicts_and_numbers_are_told(self, written: tuple[Answer, Path]) -> None:
        one, text = written[0], written[1].read_text()
        assert one.criterion.question in text
        assert all(verdict.text in text for verdict in one.verdicts.values())
        assert one.verdicts["simulation"].status is Status.MET

    def test_disbelieved_runs_are_shown(self, tmp_path: Path) -> None:
        one = answer(valid=False)
        text = write_report([one], ["simulation", "emulation"], tmp_path).read_text()
        assert re.search(r"34 runs, which stay out of every median", text)
        assert one.verdicts["emulation"].status is Status.UNSHOWN

    def test_figures_and_tables_lie_beside_it(self, written: tuple[Answer, Path]) -> None:
        folder = written[1].parent
        assert {path.suffix for path in (folder / "figures").iterdir()} == {".png", ".pdf"}
        assert len(list((folder / "tables").glob("*.csv"))) == 3

    def test_what_has_no_runs_is_said_and_stops_nothing(self, tmp_path: Path) -> None:
        answers = [Answer(one, {"simulation": Runs((), "simulation", tmp_path)}) for one in CRITERIA]
        for each in answers:
            each.verdicts = {world: each.criterion.verdict(runs) for world, runs in each.worlds.items()}
        text = write_report(answers, ["simulation"], tmp_path).read_text()
        assert Status.UNSHOWN in {verdict.status for each in answers for verdict in each.verdicts.values()}
        assert Status.MET not in {verdict.status for each in answers for verdict in each.verdicts.values()}
        assert all(f'id="{one.name}"' in text for one in CRITERIA)


class TestTargets:
    def test_efficiency_and_share_of_mptcp(self) -> None:
        rows = next(targets([answer()])).rows
        assert [row["links"] for row in rows] == ["8+8", "8+8", "16+16", "16+16"]
        assert all(row["met"] and row["of kernel MPTCP"] == pytest.approx(1.0) for row in rows)

    def test_worlds_too_far_apart(self) -> None:
        assert not any(row["met"] for row in next(targets([answer(0.91, 0.80)])).rows)

    def test_too_inefficient(self) -> None:
        assert not any(row["met"] for row in next(targets([answer(0.85, 0.85)])).rows)

    def test_difference_of_the_worlds(self) -> None:
        rows = list(differences([answer(0.90, 0.81), answer(0.90, 0.81)]))
        assert len(rows) == 32  # each cell once: the pairs share one link alone
        assert all(row["difference"] == pytest.approx(-0.1) for row in rows)


class TestChoice:
    def test_number_of_several(self) -> None:
        assert [one.id for one in choose(["1"])] == ["1a", "1b", "1c"]

    def test_names_and_numbers_in_the_reports_order(self) -> None:
        assert [one.id for one in choose(["random-loss", "5"])] == ["5", "17"]

    def test_unknown(self) -> None:
        with pytest.raises(InputError, match="many-links"):
            choose(["many-link"])


class TestCommand:
    def test_a_machine_that_cannot_emulate_is_told_at_once(
        self, mpsim: Mpsim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gap = Check("root", ok=False, detail="not root", remedy="use sudo")
        monkeypatch.setattr(reproduce, "gaps", lambda: [gap])
        done = mpsim("reproduce", "5", "--world", "both", "--out", str(tmp_path / "out"))
        assert done.status == 1
        assert "not root; use sudo" in done.err
        assert not (tmp_path / "out" / "runs.sqlite").exists()

    def test_unknown_criterion(self, mpsim: Mpsim) -> None:
        done = mpsim("reproduce", "99")
        assert done.status == 2
        assert "criterion" in done.err
        assert len(done.err.strip().splitlines()) == 1

    def test_unknown_world(self, mpsim: Mpsim) -> None:
        assert mpsim("reproduce", "--world", "mars").status == 2

    def test_finished_runs_alone(self, mpsim: Mpsim, tmp_path: Path) -> None:
        done = mpsim("reproduce", "5", "--quick", "--finished", "--out", str(tmp_path / "out"))
        assert done.status == 0
        assert "cannot be shown here" in done.out
        assert (tmp_path / "out" / "report.html").exists()
