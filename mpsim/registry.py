"""Finds algorithms by name: a visible table, a decorator, an entry point, or ``file.py:Class``.

Theory of operation. A *spec* says which class is wanted: ``"ecf"``, ``{"name": "ecf", "beta": 0.25}`` or
``"mine.py:Mine"``. Nothing is imported before it is asked for, so a table may name modules that are heavy. What
``__init__`` takes as keyword-only arguments with a default are the parameters, and where it takes ``**of_base`` those
of its base class as well; a keyword-only argument without a default is injected by whoever creates the object. A
parameter's one line of documentation, with its unit, stands in the class docstring below the word ``Parameters``, as
``    beta: multiplicative decrease, ratio``; a base class' line holds for the classes derived from it.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import math
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Generic, TypeVar, get_args

T = TypeVar("T")
Spec = str | Mapping[str, Any]
Base = type[T] | str | Callable[[], type[T]]

_FILE_SPEC = re.compile(r"(?P<file>.+\.py):(?P<name>[A-Za-z_]\w*)")
_PARAMETER_LINE = re.compile(r"\s+(\w+): (.+)")
# What a TOML value may be where the default is of this kind, or, where it is None, the annotation names that kind; any
# other takes anything.
_KINDS: Mapping[type, tuple[type, ...]] = {
    bool: (bool,),
    int: (int,),
    float: (int, float),
    str: (str,),
    tuple: (list, tuple),
    list: (list, tuple),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One tunable of an algorithm: its default, and a line that says what it means, with its unit."""

    name: str
    default: Any
    doc: str


@dataclass(frozen=True, slots=True)
class Description:
    """What ``mpsim list`` prints of one algorithm."""

    name: str
    summary: str
    parameters: tuple[Parameter, ...]


class Tunable:
    """Base of what has parameters: its repr recreates it.

    A parameter that is a number is never below 0, unless its default is.
    """

    positive: ClassVar[Sequence[str]] = ()  # parameters that are not 0 either; a derived class adds its own

    def __repr__(self) -> str:
        parameters = [f"{name}={getattr(self, name)!r}" for name in parameters_of(type(self))]
        return f"{type(self).__name__}({', '.join(parameters)})"


class Registry(Generic[T]):
    """The algorithms of one kind, by name."""

    def __init__(self, kind: str, base: Base[T], *, group: str, table: Mapping[str, str]) -> None:
        """Take the table of names to ``module:Class``; ``base`` may be a class, its text, or a function giving it."""
        self.kind = kind
        self.group = group  # entry points of third parties
        self._base = base
        self._table = dict(table)
        self._registered: dict[str, type[T]] = {}

    def names(self) -> list[str]:
        """All known names: table first, then entry points, then what the decorator added."""
        return list(dict.fromkeys([*self._table, *self._entry_points(), *self._registered]))

    def register(self, name: str) -> Callable[[type[T]], type[T]]:
        """Class decorator that makes a class known under a name; a second class takes the name over."""

        def add(found: type[T]) -> type[T]:
            self._registered[name] = self._checked(found, name)
            return found

        return add

    def find(self, spec: Spec, folder: Path | str | None = None) -> type[T]:
        """Give the class a spec names; a file is looked for relative to ``folder``. Raises ValueError."""
        name, _ = split(spec)
        in_file = _FILE_SPEC.fullmatch(name)
        if in_file:
            return self._checked(load_from_file(Path(folder or ".") / in_file["file"], in_file["name"]), name)
        if name in self._registered:
            return self._registered[name]
        target = self._table.get(name) or self._entry_points().get(name)
        if target is None:
            raise ValueError(unknown(self.kind, name, self.names()))
        return self._checked(_import(target), name)

    def create(self, spec: Spec, folder: Path | str | None = None, **injected: Any) -> T:
        """Make the object a spec names, with its parameters; ``injected`` reaches ``__init__`` as it is."""
        found = self.find(spec, folder)
        _, given = split(spec)
        problems = _parameter_problems(found, given)
        if problems:
            raise ValueError("; ".join(problems))
        return found(**given, **injected)

    def check(self, spec: Spec, folder: Path | str | None = None) -> list[str]:
        """Say what is wrong with a spec, a line each; an empty list means it can be created."""
        try:
            return _parameter_problems(self.find(spec, folder), split(spec)[1])
        except ValueError as error:
            return [str(error)]

    def describe(self, name: str, folder: Path | str | None = None) -> Description:
        """Summary and parameters of one algorithm, taken from its class."""
        found = self.find(name, folder)
        docs = parameter_docs(found)
        parameters = (Parameter(key, default, docs.get(key, "")) for key, default in parameters_of(found).items())
        summary = (inspect.getdoc(found) or "").partition("\n")[0]
        return Description(name, summary, tuple(parameters))

    def _entry_points(self) -> dict[str, str]:
        return {point.name: point.value for point in sorted(entry_points(group=self.group), key=lambda one: one.name)}

    def _checked(self, found: Any, name: str) -> type[T]:
        base = self._base_class()
        if isinstance(found, type) and issubclass(found, base):
            return found
        raise ValueError(f'"{name}" is not a {self.kind}: a class derived from {base.__name__} is needed')

    def _base_class(self) -> type[T]:
        if isinstance(self._base, type):
            return self._base
        found: type[T] = _import(self._base) if isinstance(self._base, str) else self._base()
        return found


def split(spec: Spec) -> tuple[str, dict[str, Any]]:
    """Part a spec into its name and its parameters."""
    if isinstance(spec, str):
        return spec, {}
    given = dict(spec)
    name = given.pop("name", None)
    if not isinstance(name, str):
        raise ValueError('a name, or a table with the key "name", is needed')
    return name, given


def unknown(kind: str, given: str, known: Iterable[str]) -> str:
    """The one sentence for a name that does not exist, with the nearest one that does."""
    names = list(known)
    near = difflib.get_close_matches(given, names, n=1)
    hint = f', did you mean "{near[0]}"?' if near else ";"
    return f'no {kind} "{given}"{hint} known: {", ".join(names) or "none"}'


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Give the signature of a user's function; its annotations may name what only a type checker imports."""
    if sys.version_info >= (3, 14):
        import annotationlib

        # By default annotations are evaluated here since PEP 649.
        return inspect.signature(function, annotation_format=annotationlib.Format.FORWARDREF)
    return inspect.signature(function)


def parameters_of(found: type) -> dict[str, Any]:
    """Tunable parameters of a class with their defaults: keyword-only arguments of ``__init__`` that have one."""
    own: dict[str, Any] = {}
    for ancestor in found.__mro__:
        if "__init__" not in vars(ancestor):
            continue
        arguments = signature_of(vars(ancestor)["__init__"]).parameters.values()
        for one in arguments:
            if one.kind is inspect.Parameter.KEYWORD_ONLY and one.default is not inspect.Parameter.empty:
                own.setdefault(one.name, one.default)
        if not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in arguments):
            break  # it passes nothing on
    return own


def may_be_zero(found: type, parameter: str) -> bool:
    """Say whether a parameter that is a number may be 0."""
    return not any(parameter in vars(one).get("positive", ()) for one in found.__mro__)


def parameter_docs(found: type) -> dict[str, str]:
    """Give the line of documentation of each parameter of a class that has one, with its unit."""
    lines: dict[str, str] = {}
    for ancestor in reversed(found.__mro__):
        _, _, below = (ancestor.__doc__ or "").partition("Parameters")
        matches = map(_PARAMETER_LINE.fullmatch, below.splitlines())
        lines |= {match[1]: match[2].strip() for match in matches if match}
    return lines


def load_from_file(path: Path, name: str) -> Any:
    """Fetch a name from a Python file, always from the file as it is now.

    The module's name is derived from the absolute path, so that objects can be pickled to worker processes that load
    the same file; the source is read anew each time, because a notebook may have changed it within the clock's grain.
    """
    path = path.resolve()
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ValueError(f'cannot read "{path.name}": {error.strerror}') from None
    module = _module_of(path, source)
    if not hasattr(module, name):
        raise ValueError(f'no "{name}" in "{path.name}"')
    return getattr(module, name)


def _module_of(path: Path, source: bytes) -> ModuleType:
    module_name = f"mpsim_file_{path.stem}_{zlib.crc32(str(path).encode()):08x}"
    loaded = sys.modules.get(module_name)
    if loaded is not None and loaded.__dict__.get("__mpsim_source__") == source:
        return loaded
    module = ModuleType(module_name)
    module.__dict__.update(__file__=str(path), __mpsim_source__=source)
    sys.modules[module_name] = module
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102  # running the user's file is the point
    except Exception as error:  # whatever a user's file may raise is a fault of that file
        sys.modules.pop(module_name, None)
        raise ValueError(f'"{path.name}" does not load: {type(error).__name__}: {_one_line(error)}') from error
    return module


def _import(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _parameter_problems(found: type, given: Mapping[str, Any]) -> list[str]:
    known = parameters_of(found)
    problems = [unknown("parameter", key, known) for key in given if key not in known]
    for key, value in given.items():
        if key in known:
            problems += _type_problem(found, key, value, known[key]) or _range_problem(found, key, value, known[key])
    return problems


def _type_problem(found: type, key: str, value: Any, default: Any) -> Sequence[str]:
    if isinstance(value, float) and not math.isfinite(value):
        return [f"{key} must be finite; given {value}"]
    kinds = _annotated_kinds(found, key) if default is None else [type(default)]
    allowed = [kind for kind in kinds if kind in _KINDS]
    if not allowed or any(_is_of(value, kind) for kind in allowed):
        return []
    told = " or ".join(kind.__name__ for kind in allowed)
    like = "" if default is None else f", like its default {default!r}"
    return [f"{key} must be of the kind {told}{like}; given {value!r}"]


def _is_of(value: Any, kind: type) -> bool:
    return isinstance(value, _KINDS[kind]) and isinstance(value, bool) == (kind is bool)


def _annotated_kinds(found: type, parameter: str) -> Sequence[type]:
    """Give the kinds that an annotation such as ``float | None`` names, whether it was evaluated or not."""
    for ancestor in found.__mro__:
        own = signature_of(vars(ancestor)["__init__"]).parameters if "__init__" in vars(ancestor) else {}
        if parameter in own:
            annotation = own[parameter].annotation
            if isinstance(annotation, str):
                names = [name.strip() for name in annotation.split("|")]
                return [kind for kind in _KINDS if kind.__name__ in names]
            return get_args(annotation) or [annotation]
    return []


def _range_problem(found: type, key: str, value: Any, default: Any) -> Sequence[str]:
    numbers = (int, float)
    if not isinstance(value, numbers) or (isinstance(default, numbers) and default < 0):
        return []
    if value <= 0 and not may_be_zero(found, key):
        return [f"{key} must be above 0; given {value!r}"]
    return [f"{key} must be at least 0; given {value!r}"] if value < 0 else []
