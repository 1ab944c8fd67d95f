"""How the numbers are declared, in short."""

from __future__ import annotations

from harness.model import Capability, Metric, Tier, Unit

COUNT, MS, PERCENT, BYTES = Unit.COUNT, Unit.MILLISECONDS, Unit.PERCENT, Unit.BYTES


def metric(
    name: str,
    unit: Unit,
    source: str,
    meaning: str,
    *,
    tier: Tier = Tier.ALWAYS_ON,
    dimensions: tuple[str, ...] = (),
    aliases: tuple[str, ...] = (),
    needs: frozenset[Capability] = frozenset(),
) -> Metric:
    """Return a metric; most are told each second and split by nothing."""
    return Metric(
        name=name,
        unit=unit,
        tier=tier,
        source=source,
        meaning=meaning,
        dimensions=dimensions,
        aliases=aliases,
        needs=needs,
    )
