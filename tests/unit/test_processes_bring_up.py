"""What a stack goes through while it starts, and how it ends: what `test_processes_stacks` has not."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.processes import bring_up
from fixtures.processes.layout import Layout
from harness.errors import StackError
from tests.fakes import FakeClock
from tests.unit.load_fakes import endpoints


def test_a_supervisor_that_does_not_answer_while_a_stack_starts_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be frozen for a moment, with the whole machine; for longer, it is said what did not come."""
    monkeypatch.setattr(bring_up, "supervised", lambda _: True)
    monkeypatch.setattr(bring_up, "flink", lambda *_: {"jobs": []})
    start = bring_up.BringUp(Layout(tmp_path, endpoints(tmp_path), []), FakeClock(), lambda _: None)

    with pytest.raises(StackError, match="expected that job-manager has the job RUNNING; 120 s went by"):
        start._until("job-manager", start._job_runs, "has the job RUNNING")
