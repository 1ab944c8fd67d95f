"""Fixtures of the whole suite."""

from tests.stacks import real

__all__ = ["real"]
