"""The part of PyFlink that the pipeline's operators use, in memory, so that their real code runs in a test.

`installed` stands in for PyFlink; a `Task` is one attempt of one operator. As in Flink: state is kept
per key and only what was put into it survives, a timer is part of the state and there once however
often it is registered, and a new attempt knows no watermark until one comes.
"""

from __future__ import annotations

import contextlib
import importlib
import pickle
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

NO_WATERMARK = -(2**63)


# --- what operators import ---------------------------------------------------------------------


@dataclass(frozen=True)
class Descriptor:
    """Stands for a state's descriptor: only its name matters here."""

    name: str
    type_info: object = None


@dataclass(frozen=True)
class OutputTag:
    """A side output's name."""

    tag_id: str
    type_info: object = None


class Function:
    """Stands for Flink's functions: they bring nothing that an operator relies on here."""

    Context = OnTimerContext = object


_MODULES: dict[str, dict[str, object]] = {
    "pyflink": {},
    "pyflink.common": {
        "Types": SimpleNamespace(STRING=str, LONG=int, PICKLED_BYTE_ARRAY=object),
    },
    "pyflink.datastream": {
        "KeyedProcessFunction": Function,
        "ProcessFunction": Function,
        "OutputTag": OutputTag,
        "RuntimeContext": object,
    },
    "pyflink.datastream.state": {"ListStateDescriptor": Descriptor, "ValueStateDescriptor": Descriptor},
}


@contextlib.contextmanager
def installed(name: str) -> Iterator[Any]:
    """Give the module `name`, imported afresh on this PyFlink; afterwards all is as it was."""
    package, _, attribute = name.rpartition(".")
    before = {each: sys.modules.pop(each, None) for each in (*_MODULES, name)}
    for each, content in _MODULES.items():
        sys.modules[each] = ModuleType(each)
        vars(sys.modules[each]).update(content)
    try:
        yield importlib.import_module(name)
    finally:
        vars(sys.modules[package]).pop(attribute, None)
        for each, module in before.items():
            sys.modules.pop(each)
            if module is not None:
                sys.modules[each] = module


# --- state -------------------------------------------------------------------------------------


@dataclass
class State:
    """What a checkpoint holds: values by state and key, and timers as (due, key)."""

    lists: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)
    values: dict[tuple[str, str], bytes] = field(default_factory=dict)
    event_timers: set[tuple[int, str]] = field(default_factory=set)
    processing_timers: set[tuple[int, str]] = field(default_factory=set)

    def copy(self) -> State:
        """Return a state of its own."""
        lists = {place: list(items) for place, items in self.lists.items()}
        return State(lists, dict(self.values), set(self.event_timers), set(self.processing_timers))

    @property
    def kept(self) -> list[tuple[str, str]]:
        """The (state, key) that hold something."""
        return [*(place for place, items in self.lists.items() if items), *self.values]


@dataclass
class ListState:
    """A keyed list. It pickles: what is changed after it was put in is changed in vain."""

    task: Task
    name: str

    @property
    def _place(self) -> tuple[str, str]:
        return self.name, self.task.key

    def get(self) -> Iterator[Any]:
        return iter([pickle.loads(each) for each in self.task.state.lists.get(self._place, ())])  # noqa: S301

    def add(self, value: object) -> None:
        self.task.state.lists.setdefault(self._place, []).append(pickle.dumps(value))

    def update(self, values: Iterable[object]) -> None:
        self.task.state.lists[self._place] = [pickle.dumps(each) for each in values]

    def clear(self) -> None:
        self.task.state.lists.pop(self._place, None)


@dataclass
class ValueState:
    """A keyed value."""

    task: Task
    name: str

    def value(self) -> Any:
        raw = self.task.state.values.get((self.name, self.task.key))
        return None if raw is None else pickle.loads(raw)  # noqa: S301

    def update(self, value: object) -> None:
        self.task.state.values[self.name, self.task.key] = pickle.dumps(value)

    def clear(self) -> None:
        self.task.state.values.pop((self.name, self.task.key), None)


# --- a running operator ------------------------------------------------------------------------


@dataclass
class Wall:
    """The machine's clock, in the `time` module's words; it passes only when told to."""

    ms: int = 1_700_000_000_000

    def time_ns(self) -> int:
        return self.ms * 1_000_000

    def time(self) -> float:
        return self.ms / 1000

    def monotonic(self) -> float:
        return self.ms / 1000


@dataclass
class Counter:
    """Flink's counter."""

    value: int = 0

    def inc(self, by: int = 1) -> None:
        self.value += by


@dataclass
class Metrics:
    """A metric group, and every group below it."""

    counters: dict[str, Counter] = field(default_factory=dict)

    def add_group(self, _name: str) -> Metrics:
        return self

    def counter(self, name: str) -> Counter:
        return self.counters.setdefault(name, Counter())

    def __getitem__(self, name: str) -> int:
        return self.counters[name].value


class Task:
    """One attempt of a keyed or plain operator: its runtime context, context and timer service in one.

    What the operator yields is returned as a list. `state` is what it was restored from.
    """

    def __init__(self, operator: Any, wall: Wall, state: State | None = None) -> None:
        self.operator = operator
        self.wall = wall
        self.began = wall.ms
        self.state = State() if state is None else state.copy()
        self.metrics = Metrics()
        self.key = ""
        self.watermark = NO_WATERMARK
        operator.open(self)

    def process(self, value: object, *, key: str = "") -> list[Any]:
        """Give the operator one element."""
        self.key = key
        return list(self.operator.process_element(value, self) or ())

    def advance(self, watermark: int) -> list[Any]:
        """Let event time pass: timers fire in their order, those set meanwhile too."""
        self.watermark = max(self.watermark, watermark)
        return self._fire(self.state.event_timers, self.watermark)

    def tick(self) -> list[Any]:
        """Fire the timers that the wall clock has passed."""
        return self._fire(self.state.processing_timers, self.wall.ms)

    def _fire(self, timers: set[tuple[int, str]], until: int) -> list[Any]:
        out: list[Any] = []
        while timers and min(timers)[0] <= until:
            due, self.key = min(timers)
            timers.remove((due, self.key))
            out.extend(self.operator.on_timer(due, self) or ())
        return out

    # What follows is PyFlink's own vocabulary.

    def get_metrics_group(self) -> Metrics:
        return self.metrics

    def get_list_state(self, descriptor: Descriptor) -> ListState:
        return ListState(self, descriptor.name)

    def get_state(self, descriptor: Descriptor) -> ValueState:
        return ValueState(self, descriptor.name)

    def timer_service(self) -> Task:
        return self

    def get_current_key(self) -> str:
        return self.key

    def current_watermark(self) -> int:
        return self.watermark

    def current_processing_time(self) -> int:
        return self.wall.ms

    def register_event_time_timer(self, due: int) -> None:
        self.state.event_timers.add((due, self.key))

    def register_processing_time_timer(self, due: int) -> None:
        self.state.processing_timers.add((due, self.key))
