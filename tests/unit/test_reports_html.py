"""report.html and its pictures."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.model import Outcome, Phase, Verdict
from harness.timeline import Kind
from reports import chart, html
from reports.record import DrillRecord
from tests.unit import reports_sample as sample

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Outline(HTMLParser):
    """Collects tags, references and ids, and notices what is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.references: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_file_needs_nothing_but_itself() -> None:
    """It is read months later, from an archive, on a machine without a network."""
    text = html.render(sample.everything())
    got = Outline(text)

    assert not {"script", "link", "img", "iframe"} & got.tags
    assert [] == [one for one in got.references if re.match(r"(?i)[a-z]+:|//", one)]
    assert not re.search(r"(?i)url\(|@import", text)


def colours(css: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", css))


def contrast(one: str, other: str) -> float:
    """Return WCAG 2's contrast ratio of two colours, 1 to 21."""

    def luminance(colour: str) -> float:
        shares = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        red, green, blue = (x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in shares)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_every_colour_that_is_text_is_readable_on_its_card(dark: bool) -> None:
    """By WCAG's 4.5 : 1, in light and in dark; what is written in a band is as readable."""
    light, _, rest = (Path(html.__file__).parent / "templates" / "report.css").read_text().partition("@media")
    found = colours(light) | (colours(rest.partition("}")[0]) if dark else {})
    text = [each for each in found if each not in ("back", "card", "sunk", "rule", "on")]

    assert len(text) > 10
    assert [] == [each for each in text if contrast(found[each], found["card"]) < 4.5]
    bands = ("fault", "expected", "tolerated", "unexpected", "passed", "failed", "invalid")
    assert [] == [each for each in bands if contrast(found[each], found["on"]) < 4.5]


def test_what_is_red_is_said_and_not_only_coloured() -> None:
    """Who hears the page, or sees no red, must know which cell it was."""
    assert 'aria-label="failed">✗' in html.render(sample.run(sample.failed()))


def test_every_tag_is_closed_and_every_link_within_the_page_leads_somewhere() -> None:
    """A picture cut open takes the rest of the page with it."""
    got = Outline(html.render(sample.run(sample.passed(), sample.passed(), sample.failed())))

    assert [] == got.open
    assert len(set(got.ids)) == len(got.ids)
    assert {one[1:] for one in got.references if one.startswith("#")} <= set(got.ids)


def test_what_came_from_outside_is_text_and_never_markup() -> None:
    """Reasons hold error messages and payloads of broken orders."""
    evil = "<script>alert(1)</script>"
    verdict = replace(sample.failed().verdict, why=(evil,), unexpected=(evil,))
    drill = replace(
        sample.failed(),
        name=evil,
        summary=evil,
        rerun=evil,
        verdict=verdict,
        tolerated={evil: evil},
        telemetry={f"checkpoint_duration_ms{{topic={evil}}}": [(sample.T0, 1.0)]},
        events=[*sample.failed().events, sample.event(1, Kind.PHASE, evil)],
    )

    text = html.render(replace(sample.run(drill), machine=evil, versions={evil: evil}))

    assert "&lt;script&gt;" in text
    assert "script" not in Outline(text).tags


@pytest.mark.parametrize(
    "drill",
    [
        replace(sample.failed(), telemetry={}),
        replace(sample.failed(), events=()),
        replace(sample.failed(), board=()),
        replace(sample.failed(), events=[sample.event(0, Kind.INJECTING, "Kill()")]),
        replace(sample.failed(), events=[sample.event(0, Kind.ERROR, "StackError", message="lost")]),
        replace(sample.failed(), verdict=Verdict(outcome=Outcome.FAILED, why=())),
        replace(sample.failed(), telemetry={"checkpoint_duration_ms": [(sample.T0 + 3, 5.0)]}),
        replace(sample.failed(), telemetry={"checkpoint_duration_ms": []}),
        replace(sample.invalid(), events=()),
    ],
)
def test_a_drill_cut_short_anywhere_still_has_its_report(drill: DrillRecord) -> None:
    """The runs one most wants a report of are those that went wrong."""
    assert drill.name in html.render(sample.run(drill))


def test_an_empty_run_has_a_report_that_is_not_green() -> None:
    """Nothing judged is nothing proven."""
    text = html.render(sample.run())

    assert "No drill ran." in text
    assert 'class="top is-invalid"' in text


def test_a_skipped_drill_is_shown_as_skipped_and_nowhere_as_passed() -> None:
    """Neither in the matrix nor in its own card."""
    text = html.render(sample.run(sample.skipped()))
    body = text[text.index("<body>") :]

    assert '<span class="badge is-skipped">SKIPPED</span>' in body
    assert "is-passed" not in body


def test_an_invalid_drill_has_no_green_cell() -> None:
    """INVALID is never green."""
    assert Outcome.PASSED not in {cell.outcome for cell in html.cells(sample.invalid())}


def test_a_late_alarm_is_red_in_the_matrix() -> None:
    """And so are the unexpected one, the stuck one and the books."""
    effect, *others = html.cells(sample.failed())

    assert Outcome.PASSED is effect.outcome
    assert {Outcome.FAILED} == {cell.outcome for cell in others}


def test_of_several_alarms_the_worst_decides_the_cell() -> None:
    """One alarm in time does not make up for another that was not."""
    (good,) = sample.passed().verdict.alarms
    late = replace(good, name="LAG_YELLOW", notify_s=31.0)
    verdict = replace(sample.passed().verdict, alarms=(good, late))
    drill = replace(sample.passed(), expected=("BROKER_DOWN", "LAG_YELLOW"), verdict=verdict)

    _, _, notified, *_ = html.cells(drill)

    assert (Outcome.FAILED, ("9.3 s / 30 s", "31.0 s / 30 s")) == (notified.outcome, notified.lines)


def test_an_alarm_that_never_cleared_is_drawn_to_the_end_and_said_to_be_up() -> None:
    """A band that ends in the picture would say that it cleared."""
    (lane,) = [one for one in chart.picture(sample.failed()).lanes if one.title == "MEMORY_HIGH"]

    assert 100 == pytest.approx(lane.spans[0].x + lane.spans[0].width)
    assert "unexpected · fired +33 s · still in ALARM at the end" == lane.note


def test_an_expected_alarm_that_never_fired_has_an_empty_lane() -> None:
    """What did not happen has its place in the picture too."""
    (lane,) = [one for one in chart.picture(sample.invalid()).lanes if one.title == "DLQ_SPIKE"]

    assert [] == lane.spans
    assert "expected · never fired, SLA 30 s" == lane.note


def test_bands_stand_where_the_events_do() -> None:
    """Fault and alarms are on one axis: −8 s to 64 s is 72 s wide."""
    picture = chart.picture(sample.passed())
    fault, broker, _ = picture.lanes

    assert ["asked", "fault", "asked"] == [span.kind for span in fault.spans]
    assert fault.spans[0].x == pytest.approx(100 * 8 / 72, abs=0.01)
    assert broker.spans[0].x == pytest.approx(100 * 16.6 / 72, abs=0.01)
    assert broker.spans[0].width == pytest.approx(100 * 42.9 / 72, abs=0.01)
    assert [mark.label for mark in broker.marks] == ["notified", "SLA"]


def test_the_fault_is_told_after_its_times() -> None:
    """A long one may leave the picture, when it bit and was healed may not."""
    fault, *_ = chart.picture(sample.passed()).lanes

    assert "fault" == fault.title
    assert "in effect +0.4 s · healed +24.0 s · Kill(target='broker-2')" == fault.note


def test_the_expected_alarms_metric_comes_first_with_its_threshold() -> None:
    """It is what the reader looks for."""
    first, *_ = chart.picture(sample.passed()).charts

    assert ("kafka_broker_alive_count", "BROKER_DOWN < 3") == (first.title, first.levels[0].label)


def test_a_sum_alarms_metric_is_drawn_summed() -> None:
    """One-second values beside the threshold of a ten-second sum would always look harmless."""
    points = [(sample.T0 + at, 3.0) for at in range(20)]
    drill = replace(sample.invalid(), telemetry={"dlq_records_total": points})

    (got,) = chart.picture(drill).charts

    assert ("dlq_records_total, sum of 10 s", "30") == (got.title, got.top)


def test_a_gap_in_the_telemetry_breaks_the_line() -> None:
    """A line across a dead collector would invent what it saw."""
    points = [(sample.T0 + at, 3.0) for at in (*range(10), *range(30, 40))]
    drill = replace(sample.passed(), telemetry={"kafka_broker_alive_count": points})

    assert 2 == len(chart.picture(drill).charts[0].lines[0].pieces)


def test_a_spike_of_one_second_survives_a_long_run() -> None:
    """Thinning for the picture must not hide the moment that fired the alarm."""
    points = [(sample.T0 + at, 2.0 if at == 5_000 else 3.0) for at in range(10_000)]
    events = [sample.event(0, Kind.PHASE, Phase.WATCH), sample.event(9_999, Kind.DONE)]
    drill = replace(sample.passed(), events=events, telemetry={"kafka_broker_alive_count": points})

    (piece,) = chart.picture(drill).charts[0].lines[0].pieces

    assert chart.MOST_POINTS >= piece.count(",") > chart.MOST_POINTS / 4
    assert 1 == piece.count(f",{100 / 3.24 * 1.24:.1f}")


def test_a_metric_that_stayed_within_its_noise_did_not_move() -> None:
    """Unmoved lines would push the telling ones out of the picture."""
    got = chart.movers(sample.passed(), {"kafka_broker_alive_count", "consumer_lag_records"})

    assert "processing_latency_p99_ms" == got[0]
    assert "memory_usage_percentage{node=task-manager-1}" not in got
