"""Keyed state in the words of Flink's reporter."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors import diagnosis as d
from detectors.collect import state
from detectors.collect.prometheus import Sample, parse
from detectors.collect.state import State
from fixtures.processes.flink import job_options
from harness.errors import StackError

TEXT = """\
flink_taskmanager_job_task_operator_column_family_rocksdb_total_sst_files_size{column_family="orders",task_attempt_id="a",} 40000.0
flink_taskmanager_job_task_operator_column_family_rocksdb_total_sst_files_size{column_family="outbox",task_attempt_id="a",} 2000.0
flink_taskmanager_job_task_operator_column_family_rocksdb_cur_size_all_mem_tables{column_family="orders",task_attempt_id="a",} 512.0
flink_taskmanager_job_task_operator_column_family_rocksdb_estimate_num_keys{column_family="orders",task_attempt_id="a",} 9.0
flink_taskmanager_job_task_operator_state_name_listStateAddLatency_count{state_name="orders",task_attempt_id="a",} 300.0
flink_taskmanager_job_task_operator_state_name_listStateAddLatency{state_name="orders",task_attempt_id="a",quantile="0.5",} 9000.0
flink_taskmanager_job_task_operator_state_name_listStateAddLatency{state_name="orders",task_attempt_id="a",quantile="0.99",} 250000.0
flink_taskmanager_job_task_operator_state_name_listStateAddLatency{state_name="orders",task_attempt_id="a",quantile="0.999",} 900000.0
flink_taskmanager_job_task_operator_state_name_valueStateGetLatency_count{state_name="emitted",task_attempt_id="a",} 12.0
flink_taskmanager_job_task_operator_state_name_valueStateGetLatency{state_name="emitted",task_attempt_id="a",quantile="0.99",} 1500000.0
"""  # noqa: E501 - as Flink writes it


def samples(text: str = TEXT) -> list[Sample]:
    return list(parse(text, state.WANTED))


def test_what_state_takes_up_is_the_sum_over_everything() -> None:
    """Files and tables in memory, of every column family; the number of keys is no size."""
    assert 42_512 == State([]).take(samples()).levels[d.STATE_BACKEND_USED.name]


def test_the_latency_is_the_slowest_accesss_p99_in_milliseconds() -> None:
    """Flink measures in nanoseconds, each kind of access to each state apart."""
    assert 1.5 == State([]).take(samples()).levels[d.STATE_ACCESS_LATENCY.name]


def test_a_histogram_that_nobody_adds_to_tells_nothing() -> None:
    """It keeps its last samples for ever: a job that stands still would look as fast as before."""
    reader = State([])
    reader.take(samples())

    assert d.STATE_ACCESS_LATENCY.name not in reader.take(samples()).levels
    moved = samples(TEXT.replace("} 300.0", "} 301.0"))
    assert 0.25 == reader.take(moved).levels[d.STATE_ACCESS_LATENCY.name]


def test_a_job_without_state_has_no_size_of_nought() -> None:
    """Nothing is known while it is being restarted."""
    assert {} == State([]).take([]).levels


def test_a_task_manager_that_does_not_answer_is_an_error() -> None:
    """The others' sum would be taken for all of it."""
    with pytest.raises(StackError, match="did not answer"):
        State(["http://127.0.0.1:1/metrics"]).read(0.0)


def test_the_job_is_deployed_with_what_is_read_here() -> None:
    """All of it is off by default, and then there is nothing to read."""
    options = job_options(Path("python"))
    wanted = {
        f"state.backend.rocksdb.metrics.{name.rpartition('rocksdb_')[2].replace('_', '-')}"
        for name in state.SIZES
    }

    assert {"true"} == {options.get(name) for name in (*wanted, "state.latency-track.keyed-state-enabled")}
