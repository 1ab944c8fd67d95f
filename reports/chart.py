"""Lays out the picture of one drill: fault, phases, alarms and metrics over one time axis.

Nothing here draws. Horizontal places are percent of the width, so that the picture fits any
window with its text at full size; vertical ones are pixels, except inside a chart's own plot,
which is 1000 wide and 100 high.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, median, pstdev

from harness.model import AlarmResult
from reports import moments, series, words
from reports.explain import interesting
from reports.moments import Band, Role
from reports.record import DrillRecord, Points, Watched

TOP, PHASE_HEIGHT, LANE_HEIGHT, CHART_HEIGHT, PLOT_HEIGHT = 20, 18, 36, 88, 56
MOST_TICKS, MOST_POINTS, MOST_LINES, OTHER_METRICS = 8, 600, 4, 3
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400)


@dataclass(frozen=True)
class Span:
    """A stretch of time in percent, what it is (a style), and what is written in it."""

    x: float
    width: float
    kind: str
    label: str = ""


@dataclass(frozen=True)
class Mark:
    """A moment in percent."""

    x: float
    label: str
    kind: str = ""

    @property
    def anchor(self) -> str:
        """Where its label hangs, so that it stays inside the picture."""
        return "start" if self.x < 4 else "end" if self.x > 96 else "middle"


@dataclass(frozen=True)
class Lane:
    """One line of the picture: a title, a note beside it, and bands below."""

    y: int
    title: str
    note: str
    kind: str
    spans: list[Span]
    marks: list[Mark] = field(default_factory=list)


@dataclass(frozen=True)
class Line:
    """One metric's pieces, each a polyline's points; broken where nothing was measured."""

    label: str
    pieces: list[str]


@dataclass(frozen=True)
class Level:
    """A threshold: how high it is in the plot (0 is the top, 100 the bottom)."""

    y: float
    label: str

    @property
    def below(self) -> bool:
        """Say whether its label has room only below the line."""
        return self.y < 28


@dataclass(frozen=True)
class Chart:
    """One metric over the picture's time axis, drawn from `bottom` to a little above `top`."""

    y: int
    title: str
    note: str
    lines: list[Line]
    levels: list[Level]
    top: str
    bottom: str


@dataclass(frozen=True)
class Picture:
    """Everything of one drill's picture."""

    height: int
    described: str
    ticks: list[Mark]
    phases: list[Span]
    shades: list[Span]
    lanes: list[Lane]
    charts: list[Chart]


@dataclass(frozen=True)
class Axis:
    """The time axis, from `start` to `end` with its 0 at `zero`; epoch seconds."""

    start: float
    end: float
    zero: float

    def x(self, at: float) -> float:
        """Return the place of a moment in percent, within the picture."""
        share = (at - self.start) / max(self.end - self.start, 1.0)
        return round(100 * min(max(share, 0.0), 1.0), 3)

    def span(self, start: float, end: float, kind: str, label: str = "") -> Span:
        """Return the span between two moments."""
        return Span(self.x(start), round(max(self.x(end) - self.x(start), 0.15), 3), kind, label)

    def ticks(self) -> list[Mark]:
        """Return round times around the zero, not more than fit a narrow window."""
        length = self.end - self.start
        step = next((one for one in _STEPS_S if length / one <= MOST_TICKS), _STEPS_S[-1])
        first = math.ceil((self.start - self.zero) / step)
        last = math.floor((self.end - self.zero) / step)
        return [Mark(self.x(self.zero + n * step), _time(n * step)) for n in range(first, last + 1)]


def picture(drill: DrillRecord) -> Picture:
    """Lay out a drill's picture; missing metrics and alarms that never clear have their place."""
    when = moments.moments(drill.events)
    axis = Axis(when.start, max(when.end, when.start + 1.0), when.zero)
    shades = list(_fault(axis, when))
    lanes = list(_lanes(drill, axis, shades))
    below = TOP + PHASE_HEIGHT + 8 + len(lanes) * LANE_HEIGHT + 4
    charts = list(_charts(drill, axis, below))
    ups = [f"{lane.title}: {lane.note}" for lane in lanes]
    return Picture(
        height=below + len(charts) * CHART_HEIGHT + 16,
        described=f"Time axis of {drill.name}. " + ". ".join(ups),
        ticks=axis.ticks(),
        phases=[
            axis.span(one.start, one.end, f"phase-{n % 2}", one.phase)
            for n, one in enumerate(moments.stretches(drill.events))
        ],
        shades=shades,
        lanes=lanes,
        charts=charts,
    )


def _fault(axis: Axis, when: moments.Moments) -> Iterator[Span]:
    """Yield the fault's three stretches: asked for, in effect, healing."""
    if when.asked is None:
        return
    healing = when.healing or when.healed or when.end
    felt = healing if when.in_effect is None else when.in_effect
    yield axis.span(when.asked, felt, "asked", "asked for")
    if when.in_effect is not None:
        yield axis.span(when.in_effect, healing, "fault", "in effect")
    if when.healing is not None:
        yield axis.span(when.healing, when.healed or when.end, "asked", "healing")


# --- lanes -------------------------------------------------------------------------------------


def _lanes(drill: DrillRecord, axis: Axis, shades: list[Span]) -> Iterator[Lane]:
    y = TOP + PHASE_HEIGHT + 8
    when = moments.moments(drill.events)
    if shades:
        bite = "never seen to bite" if when.in_effect is None else _bitten(when)
        # The times first: a fault may be longer than the picture is wide.
        yield Lane(y, "fault", " · ".join(filter(None, (bite, drill.fault))), "fault", shades)
        y += LANE_HEIGHT
    found = moments.bands(drill)
    for alarm in dict.fromkeys((*drill.expected, *(band.alarm for band in found))):
        mine = [band for band in found if band.alarm == alarm]
        yield _alarm_lane(drill, axis, alarm, mine, y)
        y += LANE_HEIGHT


def _bitten(when: moments.Moments) -> str:
    healed = "never healed" if when.healed is None else f"healed {_at(when, when.healed)}"
    return f"in effect {_at(when, when.in_effect or when.zero)} · {healed}"


def _alarm_lane(drill: DrillRecord, axis: Axis, alarm: str, found: list[Band], y: int) -> Lane:
    role = moments.role(drill, alarm)
    result = next((one for one in drill.verdict.alarms if one.name == alarm), None)
    told = _kept(result) if result else _fired(axis, found)
    if any(band.end is None for band in found):
        told += " · still in ALARM at the end"
    marks = [Mark(axis.x(band.notified), "notified", "notified") for band in found if band.notified]
    watched = drill.watched(alarm)
    sla_ends = axis.zero + watched.sla_s if watched and role is Role.EXPECTED else math.inf
    if sla_ends <= axis.end:
        over = any(band.start <= sla_ends <= (band.end or axis.end) for band in found)
        marks.append(Mark(axis.x(sla_ends), "SLA", "sla over" if over else "sla"))
    spans = [axis.span(band.start, band.end or axis.end, role.value, "ALARM") for band in found]
    return Lane(y, alarm, f"{role.value} · {told}", role.value, spans, marks)


def _kept(result: AlarmResult) -> str:
    if result.notify_s is None:
        return f"never {'fired' if result.detect_s is None else 'notified'}, SLA {result.sla_s:g} s"
    late = result.notify_s - result.sla_s
    told = f"notified {words.seconds(result.notify_s)}, SLA {result.sla_s:g} s"
    told = f"{words.seconds(late)} LATE: {told}" if late > 0 else told
    return told if result.cleared_s is None else f"{told} · clear {words.seconds(result.cleared_s)}"


def _fired(axis: Axis, found: list[Band]) -> str:
    return "fired " + ", ".join(_time(band.start - axis.zero) for band in found) if found else "never fired"


# --- charts ------------------------------------------------------------------------------------


def _charts(drill: DrillRecord, axis: Axis, y: int) -> Iterator[Chart]:
    by_metric: dict[tuple[str, str], list[Watched]] = {}
    for watched in interesting(drill):
        by_metric.setdefault((watched.metric, watched.statistic), []).append(watched)
    for alarms in by_metric.values():
        summed = f", sum of {alarms[0].period_s} s" if alarms[0].statistic == "Sum" else ""
        yield _chart(y, alarms[0].metric + summed, series.seen_by(drill, alarms[0]), alarms, axis)
        y += CHART_HEIGHT
    for key in movers(drill, {metric for metric, _ in by_metric}):
        yield _chart(y, key, {key: drill.telemetry[key]}, [], axis)
        y += CHART_HEIGHT


def _chart(y: int, title: str, found: Mapping[str, Points], alarms: list[Watched], axis: Axis) -> Chart:
    shown = {
        key: [one for one in points if axis.start <= one[0] <= axis.end] for key, points in found.items()
    }
    drawn = {key: points for key, points in list(shown.items())[:MOST_LINES] if points}
    levels = [one.threshold for one in alarms]
    heights = [0.0, *levels, *(value for points in drawn.values() for _, value in points)]
    low, high = min(heights), max(heights)
    high += 0.08 * (high - low) or 1.0
    left = len([points for points in shown.values() if points]) - len(drawn)
    note = "" if drawn else "no data"
    return Chart(
        y=y,
        title=title,
        note=f"and {left} more" if left else note,
        lines=[
            Line(key.removeprefix(series.name(key)), _pieces(points, axis, low, high))
            for key, points in drawn.items()
        ],
        levels=[
            Level(
                round(_height(one.threshold, low, high), 2),
                f"{one.name} {one.sign} {words.number(one.threshold)}",
            )
            for one in alarms
        ],
        top=words.number(max(heights)),
        bottom=words.number(low),
    )


def movers(drill: DrillRecord, told: Iterable[str]) -> list[str]:
    """Return the few metrics, none of them in `told`, that the fault moved most, the most moved first.

    A metric that stayed within its own noise did not move.
    """
    when = moments.moments(drill.events)
    until = when.healed or when.end
    moved = []
    for key, points in drill.telemetry.items():
        before = [value for at, value in points if at < when.zero]
        during = [value for at, value in points if when.zero <= at <= until]
        if series.name(key) in told or not before or not during:
            continue
        change = abs(fmean(during) - fmean(before))
        if change > 2 * pstdev(before):
            moved.append((-change / (abs(fmean(before)) + 1e-9), key))
    return [key for _, key in sorted(moved)[:OTHER_METRICS]]


def _pieces(points: Points, axis: Axis, low: float, high: float) -> list[str]:
    thinned = _thinned(points)
    steps = [after[0] - before[0] for before, after in pairwise(thinned)]
    widest = max(5.0, 3 * median(steps)) if steps else 0.0
    pieces: list[list[str]] = [[]]
    for n, (at, value) in enumerate(thinned):
        if n and at - thinned[n - 1][0] > widest:
            pieces.append([])
        pieces[-1].append(f"{10 * axis.x(at):.1f},{_height(value, low, high):.1f}")
    # A single point is no line: it is drawn twice, and its round cap shows it.
    return [" ".join(piece if len(piece) > 1 else piece * 2) for piece in pieces if piece]


def _thinned(points: Points) -> Points:
    """Keep the lowest and the highest point of each stretch, so that no spike is lost."""
    if len(points) <= MOST_POINTS:
        return points
    size = math.ceil(2 * len(points) / MOST_POINTS)
    kept = []
    for n in range(0, len(points), size):
        stretch = points[n : n + size]
        kept += sorted({min(stretch, key=lambda one: one[1]), max(stretch, key=lambda one: one[1])})
    return kept


def _height(value: float, low: float, high: float) -> float:
    return 100 * (1 - (value - low) / (high - low))


def _at(when: moments.Moments, moment: float) -> str:
    return _time(moment - when.zero, digits=1)


def _time(offset: float, digits: int = 0) -> str:
    sign = "+" if offset > 0 else "−" if offset < 0 else ""
    if abs(offset) >= 300:
        return f"{sign}{abs(offset) / 60:.3g} min"
    return f"{sign}{abs(offset):.{digits}f} s"
