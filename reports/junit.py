"""junit.xml: one suite per drill, one test case per thing it checked; one more if a run left anything.

FAILED is a <failure>, INVALID an <error>, and whatever was not judged is <skipped>: a CI server
can never show it as passed. Times are properties of the suite, where every reader allows them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from harness.model import Outcome
from reports import words
from reports.checks import Check, checks
from reports.explain import explain
from reports.record import DrillRecord, RunRecord

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS = {Outcome.FAILED: "failure", Outcome.INVALID: "error", Outcome.SKIPPED: "skipped"}


def render(run: RunRecord) -> str:
    """Return the text of junit.xml."""
    root = ET.Element("testsuites", name="firedrill")
    for drill, label in zip(run.drills, words.labels(run.drills), strict=True):
        root.append(_suite(run, drill, label))
    if run.left:
        root.append(_left(run))
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    root.set("time", f"{sum(drill.wall_s for drill in run.drills):.3f}")
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def clean(text: str) -> str:
    r"""Write characters that XML 1.0 has no way to write as their escapes, as `\x1b`."""
    return _NOT_IN_XML.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def _suite(run: RunRecord, drill: DrillRecord, label: str) -> ET.Element:
    found = checks(drill)
    suite = ET.Element(
        "testsuite",
        name=clean(label),
        tests=str(len(found)),
        failures=str(_count(found, Outcome.FAILED)),
        errors=str(_count(found, Outcome.INVALID)),
        skipped=str(_count(found, Outcome.SKIPPED)),
        time=f"{drill.wall_s:.3f}",
        timestamp=datetime.fromtimestamp(_began(run, drill), UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(run, drill).items():
        ET.SubElement(properties, "property", name=clean(name), value=clean(value))
    lines = explain(drill)
    for check in found:
        suite.append(_case(check, label, lines))
    told = lines or [*drill.verdict.why, f"run again: {drill.rerun}"]
    ET.SubElement(suite, "system-out").text = clean("\n".join(told))
    return suite


def _left(run: RunRecord) -> ET.Element:
    """Return the suite of what the run could not clean up: an error, whatever its drills came to."""
    check = Check("everything is healed and taken down", Outcome.INVALID, "; ".join(run.left))
    suite = ET.Element(
        "testsuite", name="cleanup", tests="1", failures="0", errors="1", skipped="0", time="0"
    )
    suite.append(_case(check, "cleanup", [f"{check.detail}: `firedrill heal`, then `firedrill down`"]))
    return suite


def _case(check: Check, label: str, lines: list[str]) -> ET.Element:
    case = ET.Element("testcase", name=clean(check.name), classname=clean(f"firedrill.{label}"))
    case.set("time", f"{max(check.seconds or 0.0, 0.0):.3f}")
    if check.outcome is not Outcome.PASSED:
        mark = ET.SubElement(
            case, _TAGS[check.outcome], message=clean(check.detail), type=check.outcome.value
        )
        if check.outcome is not Outcome.SKIPPED:
            mark.text = clean("\n".join(lines))
    return case


def _properties(run: RunRecord, drill: DrillRecord) -> dict[str, str]:
    """Return what a CI server may chart; a time that does not exist is left out, never 0."""
    found = {
        "outcome": drill.verdict.outcome.value,
        "mode": "" if drill.mode is None else str(drill.mode),
        "control": drill.control,
        "seed": str(run.seed),
        "rerun": drill.rerun,
    }
    times = {"effect_s": drill.verdict.effect_s}
    for one in drill.verdict.alarms:
        times[f"{one.name}.sla_s"] = one.sla_s
        times[f"{one.name}.detect_s"] = one.detect_s
        times[f"{one.name}.notify_s"] = one.notify_s
        times[f"{one.name}.cleared_s"] = one.cleared_s
    found |= {name: f"{value:.3f}" for name, value in times.items() if value is not None}
    return {name: value for name, value in found.items() if value}


def _count(found: list[Check], outcome: Outcome) -> int:
    return sum(one.outcome is outcome for one in found)


def _began(run: RunRecord, drill: DrillRecord) -> float:
    return drill.events[0].at if drill.events else run.started_at
