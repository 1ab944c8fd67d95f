"""Which drills a command line chooses."""

import pytest

from harness.cli import drills
from harness.cli.drills import Choice
from tests.unit.cli_rig import BROKER_KILLED


def chosen(**choice: object) -> list[str]:
    known = drills.scenarios(None)
    return [drill.name for drill in drills.choose(Choice(**choice), known)]  # type: ignore[arg-type]


def test_without_names_the_headline_drills_are_run() -> None:
    """The newcomer's first run shows the five that matter."""
    got = drills.choose(Choice(), drills.scenarios(None))

    assert 5 == len(got)
    assert all("headline" in drill.scenario.tags for drill in got)


def test_all_is_every_scenario_and_the_sham_of_each_that_breaks_something() -> None:
    """CI wants a verdict per failure mode, and proof that each drill can say no."""
    got = chosen(everything=True)

    assert {"calm", "dlq_spike", "dlq_spike.sham"} <= set(got)
    assert "calm.sham" not in got
    assert sorted(got) == got
    assert not [name for name in chosen(everything=True, shams=False) if name.endswith(".sham")]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("broker and headline", {BROKER_KILLED}),
        ("headline and kafka and not broker", {"consumer_group_rebalancing"}),
        ("calm or DLQ", {"calm", "dlq_spike"}),
        ("(calm or dlq) and not (kafka or flink or aws)", {"calm", "dlq_spike"}),
    ],
)
def test_k_matches_words_in_names_and_tags(expression: str, expected: set[str]) -> None:
    """The same little language as pytest's."""
    assert expected == set(chosen(matching=expression))


def test_repeat_and_tags_and_shams_combine() -> None:
    """Three repeats of the Kafka drills, each with its control."""
    got = chosen(tags=("kafka", "headline"), shams=True, repeat=3)

    assert 3 == got.count(BROKER_KILLED) == got.count(f"{BROKER_KILLED}.sham")
