"""What no unit test may do to the machine it runs on."""

from __future__ import annotations

import pytest

from fixtures.processes import volume


@pytest.fixture(autouse=True)
def no_mounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Laying out a stack as root would mount a real volume, which pytest could not delete afterwards."""
    monkeypatch.setattr(volume, "mount", lambda *_: False)
