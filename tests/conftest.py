"""Fixtures and hypothesis profiles of the whole suite.

Each run explores: it tries examples of its own, and what it finds is kept and tried first. CI asks for
`--hypothesis-profile=stable`, the same examples every time, so as not to turn red by chance; who has
an hour to spend asks for `deep`.
"""

from hypothesis import HealthCheck, settings

from tests.docker_daemon import docker_client
from tests.stacks import docker_engine, kind, real

__all__ = ["docker_client", "docker_engine", "kind", "real"]

# Time says nothing about what is right, least of all on a machine that runs a cluster besides.
COMMON = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", COMMON)
settings.register_profile("stable", COMMON, derandomize=True, database=None)
settings.register_profile("deep", COMMON, max_examples=5_000)
settings.load_profile("explore")
