"""Fixtures and hypothesis profiles of the whole suite.

`pytest --hypothesis-profile=stable` tries the same examples every time: what CI runs must not turn red
by chance. Everywhere else each run tries others, and what it finds is kept and tried first.
"""

from hypothesis import HealthCheck, settings

from tests.stacks import real

__all__ = ["real"]

# Time says nothing about what is right, least of all on a machine that runs a cluster besides.
COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", COMMON)
settings.register_profile("stable", COMMON, derandomize=True, database=None)
settings.load_profile("explore")
