"""A registry finds classes three ways and names what it knows when it does not."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from mpsim.registry import Registry, load_from_file


class Shape:
    """Base of what the test's registry holds."""


class Circle(Shape):
    """Round.

    Parameters
        radius: distance from the centre, m
        sides: how many, count
    """

    positive = ("sides",)

    def __init__(self, colour: str = "red", *, radius: float = 1.0, sides: int = 0, seed: int) -> None:
        self.colour, self.radius, self.sides, self.seed = colour, radius, sides, seed


class Ball(Circle):
    """Round in space.

    Parameters
        bounce: how much comes back, ratio
    """

    def __init__(self, *, bounce: float = 0.5, sides: int = 1, **of_circle: Any) -> None:
        super().__init__(sides=sides, **of_circle)
        self.bounce = bounce


@pytest.fixture
def shapes() -> Registry[Shape]:
    return Registry(
        "shape", Shape, group="mpsim.test_shapes", table={"circle": f"{__name__}:Circle", "dict": "builtins:dict"}
    )


def write(folder: Path, side: int) -> None:
    (folder / "mine.py").write_text(
        f"from {__name__} import Shape\n\nclass Square(Shape):\n"
        f"    def __init__(self, *, side: int = {side}):\n        self.side = side\n"
    )


def test_table_and_parameters(shapes: Registry[Shape]) -> None:
    made = shapes.create({"name": "circle", "radius": 2}, seed=3)
    assert isinstance(made, Circle)
    assert (made.radius, made.seed) == (2, 3)


def test_decorator_takes_the_name_over(shapes: Registry[Shape]) -> None:
    @shapes.register("circle")
    class Ring(Shape):
        pass

    assert shapes.find("circle") is Ring
    assert shapes.names() == ["circle", "dict"]


def test_entry_points_are_known(shapes: Registry[Shape], monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    point = EntryPoint("third", f"{__name__}:Circle", "mpsim.test_shapes")
    monkeypatch.setattr("mpsim.registry.entry_points", lambda group: [point] if group == point.group else [])
    assert "third" in shapes.names()
    assert shapes.find("third") is Circle


def test_file_relative_to_the_folder(shapes: Registry[Shape], tmp_path: Path) -> None:
    write(tmp_path, 4)
    assert vars(shapes.create({"name": "mine.py:Square", "side": 5}, tmp_path)) == {"side": 5}
    found = shapes.find("mine.py:Square", tmp_path)
    assert found is shapes.find("mine.py:Square", tmp_path), "an unchanged file keeps its class"
    assert found.__module__.startswith("mpsim_file_mine_")


def test_edited_file_is_picked_up_even_within_the_clocks_grain(shapes: Registry[Shape], tmp_path: Path) -> None:
    for side in (4, 5):
        write(tmp_path, side)
        os.utime(tmp_path / "mine.py", (1, 1))
        assert vars(shapes.create("mine.py:Square", tmp_path)) == {"side": side}


def test_unknown_name_suggests_the_nearest(shapes: Registry[Shape]) -> None:
    with pytest.raises(ValueError, match=r'no shape "cirle", did you mean "circle".*known: circle, dict'):
        shapes.find("cirle")


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("qqq", 'no shape "qqq"; known: circle, dict'),
        ({"name": "circle", "radiu": 1}, 'no parameter "radiu", did you mean "radius"'),
        ({"name": "circle", "seed": 1}, 'no parameter "seed"'),
        ({"name": "circle", "radius": True}, "radius must be of the kind float"),
        ({"name": "circle", "radius": float("nan")}, "radius must be finite"),
        ({"name": "circle", "sides": 1.5}, "sides must be of the kind int"),
        ({"name": "circle", "radius": -1}, "radius must be at least 0; given -1"),
        ({"name": "circle", "sides": 0}, "sides must be above 0; given 0"),
        ({"radius": 1}, 'the key "name"'),
        ("dict", "class derived from Shape"),
        ("none.py:Square", 'cannot read "none.py"'),
        ("broken.py:Square", '"broken.py" does not load: ZeroDivisionError'),
        ("other.py:Square", 'no "Square" in "other.py"'),
        ("other.py:value", "is not a shape"),
    ],
)
def test_problems(shapes: Registry[Shape], tmp_path: Path, spec: str | dict[str, object], problem: str) -> None:
    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "other.py").write_text("value = 1")
    found = shapes.check(spec, tmp_path)
    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_the_annotation_tells_the_kind_where_the_default_is_none(
    shapes: Registry[Shape], tmp_path: Path, future: str
) -> None:
    (tmp_path / "mine.py").write_text(
        f"{future}from {__name__} import Shape\n\nclass Hollow(Shape):\n"
        "    def __init__(self, *, wall: float | None = None, count: int = None, other=None):\n        pass\n"
    )

    def check(**parameters: object) -> list[str]:
        return shapes.check({"name": "mine.py:Hollow", **parameters}, tmp_path)

    assert check(wall=1, count=1, other="any") == check(wall=0.5, other=[]) == []
    assert check(wall="thick") == ["wall must be of the kind float; given 'thick'"]
    assert check(wall=True, count=0.5) == [
        "wall must be of the kind float; given True",
        "count must be of the kind int; given 0.5",
    ]
    assert check(wall=-1) == ["wall must be at least 0; given -1"]


def test_nothing_wrong_is_an_empty_list(shapes: Registry[Shape]) -> None:
    assert shapes.check({"name": "circle", "radius": 2}) == []


def test_describe(shapes: Registry[Shape]) -> None:
    told = shapes.describe("circle")
    assert told.summary == "Round."
    assert [(one.name, one.default, one.doc) for one in told.parameters] == [
        ("radius", 1.0, "distance from the centre, m"),
        ("sides", 0, "how many, count"),
    ]


def test_parameters_may_be_passed_on_to_the_base_class(shapes: Registry[Shape]) -> None:
    shapes.register("ball")(Ball)
    assert [(one.name, one.default, one.doc) for one in shapes.describe("ball").parameters] == [
        ("bounce", 0.5, "how much comes back, ratio"),
        ("sides", 1, "how many, count"),
        ("radius", 1.0, "distance from the centre, m"),
    ]
    made = shapes.create({"name": "ball", "radius": 2}, seed=3)
    assert isinstance(made, Ball)
    assert (made.bounce, made.sides, made.radius) == (0.5, 1, 2)
    assert shapes.check({"name": "ball", "colour": "blue"}) == ['no parameter "colour"; known: bounce, sides, radius']


def test_annotations_are_not_evaluated(shapes: Registry[Shape], tmp_path: Path) -> None:
    later = "" if sys.version_info >= (3, 14) else "from __future__ import annotations\n"
    (tmp_path / "mine.py").write_text(
        f"{later}from {__name__} import Shape\n\nclass Square(Shape):\n"
        "    def __init__(self, *, side: OnlyTheTypeCheckerKnows = 2):\n        self.side = side\n"
    )
    assert shapes.check({"name": "mine.py:Square", "side": 3}, tmp_path) == []


def test_base_may_be_text_or_function() -> None:
    for base in (f"{__name__}:Shape", lambda: Shape):
        known: Registry[Shape] = Registry(
            "shape", base, group="mpsim.test_shapes", table={"circle": f"{__name__}:Circle"}
        )
        assert known.find("circle") is Circle


def test_any_name_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "packets.py").write_text("def stream(): return 7\n")
    assert load_from_file(tmp_path / "packets.py", "stream")() == 7
