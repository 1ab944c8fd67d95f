"""SLO ladders: one alarm a step, in order."""

from __future__ import annotations

from harness.model import Alarm, Comparison, Metric, Severity, Statistic


def ladder(
    prefix: str, metric: Metric, steps: tuple[tuple[str, float, float, Severity, str], ...], **common: str
) -> tuple[Alarm, ...]:
    """Return one alarm per step of an SLO ladder: (suffix, threshold, condition_s, severity, action) each.

    `condition_s` is the time a ramp worth paging for takes to get there.
    """
    return tuple(
        Alarm(
            name=f"{prefix}_{suffix}",
            metric=metric,
            statistic=Statistic.MINIMUM,
            comparison=Comparison.ABOVE,
            threshold=threshold,
            condition_s=condition_s,
            severity=severity,
            action=action,
            meaning=common["meaning"],
            runbook=common["runbook"],
            ladder=prefix,
        )
        for suffix, threshold, condition_s, severity, action in steps
    )
