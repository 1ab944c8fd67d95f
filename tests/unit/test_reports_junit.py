"""junit.xml: what a CI server makes of a run."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from harness.model import Outcome
from reports import junit
from reports.record import DrillRecord
from tests.unit import reports_sample as sample

SHAPE = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
        {"properties", "testcase", "system-out"},
    ),
    "properties": (set[str](), {"property"}),
    "property": ({"name", "value"}, set[str]()),
    "testcase": ({"name", "classname", "time"}, {"failure", "error", "skipped"}),
    "failure": ({"message", "type"}, set[str]()),
    "error": ({"message", "type"}, set[str]()),
    "skipped": ({"message", "type"}, set[str]()),
    "system-out": (set[str](), set[str]()),
}
"""What Jenkins' schema (junit-10.xsd of its xUnit plug-in) allows, as far as we use it."""


def parsed(*drills: DrillRecord) -> ET.Element:
    text = junit.render(sample.run(*drills))
    return ET.fromstring(text)  # noqa: S314 - our own output


def marks(*drills: DrillRecord) -> set[str]:
    """Return what the test cases are marked with."""
    return {mark.tag for case in parsed(*drills).iter("testcase") for mark in case}


def test_the_file_has_the_shape_ci_servers_accept() -> None:
    """An unknown attribute makes a strict reader drop the whole file."""
    for element in ET.fromstring(junit.render(sample.everything())).iter():  # noqa: S314 - our own output
        attributes, children = SHAPE[element.tag]
        assert attributes >= set(element.attrib)
        assert children >= {child.tag for child in element}


def test_the_counts_are_those_of_the_test_cases() -> None:
    """Servers believe the counts, people the cases."""
    root = ET.fromstring(junit.render(sample.everything()))  # noqa: S314 - our own output

    for tag, count in (("testcase", "tests"), ("failure", "failures"), ("error", "errors")):
        assert root.get(count) == str(len(list(root.iter(tag))))
        for suite in root:
            assert suite.get(count) == str(len(list(suite.iter(tag))))


def test_a_failed_drill_is_a_failure() -> None:
    """FAILED is about the system under test."""
    assert {"failure"} == marks(sample.failed())


def test_an_invalid_drill_is_an_error_and_nothing_in_it_passes() -> None:
    """INVALID is about the experiment; it must be neither green nor a failure."""
    assert {"error", "skipped"} == marks(sample.invalid())
    assert all(len(case) for case in parsed(sample.invalid()).iter("testcase"))


def test_a_skipped_drill_is_skipped_in_every_test_case_with_its_reason() -> None:
    """A test case without a mark would count as passed."""
    cases = list(parsed(sample.skipped()).iter("testcase"))

    assert cases
    for case in cases:
        assert ["skipped"] == [mark.tag for mark in case]
        assert "needs root" in str(case[0].get("message"))


def test_a_sham_that_is_invalid_passes_and_one_that_passed_fails() -> None:
    """The sham's test case is about the harness, so its colours are the other way round."""
    verdict = replace(sample.sham().verdict, outcome=Outcome.PASSED)

    assert set() == marks(sample.sham())
    assert {"failure"} == marks(replace(sample.sham(), verdict=verdict))


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x0b", "\ufffe", "\ud800"])
def test_characters_xml_cannot_hold_are_written_as_escapes(character: str) -> None:
    """A log line in a reason may hold anything; one such character makes a whole file unreadable."""
    verdict = replace(sample.failed().verdict, why=(f"seen {character}[31m & <red>",))

    got = parsed(replace(sample.failed(), verdict=verdict)).findtext(".//system-out")

    escape = character.encode("unicode_escape").decode()
    assert f"seen {escape}[31m & <red>" in str(got)


def test_times_are_properties_and_a_missing_one_is_left_out() -> None:
    """A time to detect of 0 would be the best one ever charted."""
    (alarm,) = sample.passed().verdict.alarms
    verdict = replace(sample.passed().verdict, alarms=(replace(alarm, notify_s=None),))

    def properties(drill: DrillRecord) -> dict[str, str]:
        return {one.attrib["name"]: one.attrib["value"] for one in parsed(drill).iter("property")}

    assert "9.300" == properties(sample.passed())["BROKER_DOWN.notify_s"]
    assert "30.000" == properties(sample.passed())["BROKER_DOWN.sla_s"]
    assert "BROKER_DOWN.notify_s" not in properties(replace(sample.passed(), verdict=verdict))


def test_repeats_are_suites_of_their_own() -> None:
    """Three repeats of one drill are three results."""
    got = [suite.get("name") for suite in parsed(sample.passed(), sample.passed())]

    assert ["kafka_broker_killed", "kafka_broker_killed #2"] == got


def test_an_empty_run_is_still_a_file() -> None:
    """A CI step that collects the file must find one."""
    assert "0" == parsed().get("tests")
