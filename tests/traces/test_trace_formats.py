"""Each format by a file of a few lines whose capacity is known, and what is said of broken ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpsim.network.rate import TraceRate
from mpsim.traces import mahimahi, tables
from mpsim.traces.columns import write_cooked
from mpsim.traces.formats import detect, faults, read
from mpsim.traces.joining import joined
from mpsim.traces.playing import opportunities
from mpsim.traces.quantities import bits_per_second, moment
from mpsim.traces.recording import Choice, Steps

MBIT = 1e6
GNETTRACK = (
    "Timestamp,DL_bitrate,UL_bitrate,State\n"
    "2020.01.16_07.26.43,8000,100,D\n"
    "2020.01.16_07.26.44,4000,200,D\n"
    "2020.01.16_07.26.44,6000,300,D\n"
    "2020.01.16_07.26.45,1,1,I\n"
    "2020.01.16_07.26.50,9000,400,D\n"
)


def put(folder: Path, text: str, name: str = "trace") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_mahimahi(tmp_path: Path) -> None:
    path = put(tmp_path, "1\n1\n5\n")
    assert detect(path) == "mahimahi"
    assert read(path).opportunities == pytest.approx([0.001, 0.001, 0.005])


def test_series_says_its_unit_in_the_name_of_a_column(tmp_path: Path) -> None:
    found = read(put(tmp_path, "time_s,capacity_kbps\n0,1000\n1,3000\n"))
    assert found.windows == (Steps((0.0, 1.0, 2.0), (1 * MBIT, 3 * MBIT)),)


def test_series_with_a_chosen_column_and_unit(tmp_path: Path) -> None:
    path = put(tmp_path, "time,throughput,speed\n2023-04-04 10:07:14 CDT,113.0,1\n2023-04-04 10:07:15 CDT,85.9,2\n")
    found = read(path, choice=Choice("throughput", "Mbit/s"))
    assert found.windows[0].values == (113 * MBIT, 85.9 * MBIT)
    # 2023-04-04 15:07:14 UTC, by `date -d ... +%s`.
    assert found.windows[0].edges == (1680620834.0, 1680620835.0, 1680620836.0)


def test_a_gap_begins_a_new_window_and_an_empty_cell_is_one(tmp_path: Path) -> None:
    text = "time_s,x_bps\n0,1\n1,2\n2,\n3,3\n4,4\n60,5\n"
    assert [one.values for one in read(put(tmp_path, text)).windows] == [(1.0, 2.0), (3.0, 4.0), (5.0,)]


def test_days_may_be_out_of_order_and_come_out_in_order(tmp_path: Path) -> None:
    text = "time_s,x_bps\n1000,1\n1001,2\n0,3\n1,4\n"
    assert [one.edges[0] for one in read(put(tmp_path, text)).windows] == [0.0, 1000.0]


def test_gnettrack_takes_the_mean_of_repeated_stamps_and_only_downloads(tmp_path: Path) -> None:
    path = put(tmp_path, GNETTRACK)
    assert detect(path) == "gnettrack"
    assert [one.values for one in read(path).windows] == [(8 * MBIT, 5 * MBIT), (9 * MBIT,)]
    up = read(path, choice=Choice("UL_bitrate"))
    assert up.windows[0].values == (100e3, 250e3)


def test_cooked_holds_until_the_next_time(tmp_path: Path) -> None:
    path = put(tmp_path, "0.0\t2.0\n0.5\t4.0\n2.0\t1.0\n")
    assert detect(path) == "cooked"
    (steps,) = read(path).windows
    assert steps.edges == (0.0, 0.5, 2.0, 2.5)  # the last holds for the usual distance
    assert steps.integral() == pytest.approx(2e6 * 0.5 + 4e6 * 1.5 + 1e6 * 0.5)


def test_pairs_side_by_side(tmp_path: Path) -> None:
    path = put(tmp_path, "1.0\t91\t76.0\n2.0\t123\t120.0\n")
    assert read(path).windows[0].values == (91 * MBIT, 123 * MBIT)
    assert read(path, choice=Choice("3")).windows[0].values == (76 * MBIT, 120 * MBIT)


def test_pairs_in_two_files_are_in_bytes(tmp_path: Path) -> None:
    path = put(tmp_path, "1,1000000\n2,500000\n")
    assert detect(path) == "pair"
    assert read(path).windows[0].values == (8 * MBIT, 4 * MBIT)


def test_delays_have_to_be_named(tmp_path: Path) -> None:
    delays = read(put(tmp_path, "12\n30\n"), "delays").delays
    assert delays == Steps((0.0, 0.01, 0.02), (0.012, 0.030))


def test_what_was_recorded_together_is_cut_to_what_is_common(tmp_path: Path) -> None:
    texts = ["time_s,a_bps\n" + "".join(f"{t},{t}\n" for t in range(10)), "time_s,a_bps\n4,40\n5,50\n6,60\n"]
    parts = joined([read(put(tmp_path, text, f"{index}.csv")) for index, text in enumerate(texts)])
    assert parts == [(Steps((0.0, 1.0, 2.0, 3.0), (4.0, 5.0, 6.0)), Steps((0.0, 1.0, 2.0, 3.0), (40.0, 50.0, 60.0)))]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01 00:00:01", 1.0),
        ("1970-01-01T00:00:01.5Z", 1.5),
        ("1970.01.01_01.00.00", 3600.0),
        ("1970-01-01 00:00:00 EST", 5 * 3600.0),
        ("1970-01-01 02:30:00+02:30", 0.0),
        ("17.25", 17.25),
    ],
)
def test_moments(text: str, seconds: float) -> None:
    assert moment(text) == seconds


@pytest.mark.parametrize(("unit", "factor"), [("Mbit/s", 1e6), ("kbit", 1e3), ("B/s", 8.0), ("KiB/s", 8192.0)])
def test_units(unit: str, factor: float) -> None:
    assert bits_per_second(unit) == factor


@pytest.mark.parametrize(
    ("text", "format", "told"),
    [
        ("1\nx\n", None, ["line 2: a whole number of milliseconds; given 'x'"]),
        ("1\nx\n5\n4\n", None, ["line 2: a whole number of milliseconds; given 'x'", "line 4: times that never"]),
        ("", None, ["at least one line"]),
        ("time,throughput\n0,1\n", None, ["line 1: the column of the rate has to be chosen"]),
        ("when,x_bps\n0,1\n", None, ["line 1: a column of times is needed"]),
        ("time_s,x_bps\n0,1\n1,oops\n2\n", None, ["line 3: a number is needed; given 'oops'", "line 4: at least 2"]),
        ("time_s,x_bps\n0,-1\n", None, ["line 2: a number from 0 on"]),
        ("time_s,x_bps\n0,nan\n", None, ["line 2: a number is needed"]),
        ("time_s,x_bps\n5,1\n4,1\n", None, ["line 3: times that never decrease; given 4 after 5"]),
        ("2023-04-04 10:07:14 XYZ,1\n", "pair", ["line 1: an unknown time zone"]),
        ("0 1\n1 x\n", None, ["line 2: a number is needed"]),
        ("time_s,x_bps\n", None, ["at least one value"]),
        ("hello there, is this a trace", None, ["line 1:"]),
        ("these are words\n", None, ["line 1: no known format"]),
    ],
)
def test_faults_are_told_with_their_lines(tmp_path: Path, text: str, format: str | None, told: list[str]) -> None:
    path = put(tmp_path, text)
    found = faults(path, format)
    assert [one[: len(start)] for one, start in zip(found, told, strict=True)] == told
    with pytest.raises(ValueError, match=r"line|at least"):
        read(path, format)


def test_no_fault_in_what_is_right(tmp_path: Path) -> None:
    assert faults(put(tmp_path, "1\n2\n")) == []


STEPS = Steps((0.0, 0.5, 1.0, 1.5), (1 * MBIT, 2.5 * MBIT, 0.0))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    mahimahi.write(tmp_path / "a", [0.001, 0.007, 0.0075])
    assert read(tmp_path / "a").opportunities == pytest.approx([0.001, 0.007, 0.008])
    tables.write_series(tmp_path / "b", STEPS)
    assert read(tmp_path / "b").windows == (STEPS,)
    write_cooked(tmp_path / "c", STEPS)
    assert read(tmp_path / "c").windows == (STEPS,)


def test_a_link_plays_a_series_as_it_plays_opportunities(tmp_path: Path) -> None:
    tables.write_series(tmp_path / "b", Steps((0.0, 1.0, 2.0), (12e6, 1.2e6)))
    rate = TraceRate(opportunities(tmp_path / "b"))
    assert rate.capacity_bits(0.0, 1.0) == pytest.approx(12e6)
    assert rate.capacity_bits(1.0, 2.0) == pytest.approx(1.2e6)
    # The second round is like the first.
    assert rate.capacity_bits(2.0, 3.0) == pytest.approx(12e6, abs=12e3)
    assert TraceRate(opportunities(tmp_path / "b", 0.5)).capacity_bits(0.0, 1.0) == pytest.approx(6e6, abs=12e3)
