"""The dashboards as CloudWatch takes them: one DashboardBody a file, for PutDashboard."""

from __future__ import annotations

import json
from collections.abc import Sequence

from detectors.dashboards import PAGES
from detectors.widgets import Place, body
from harness.model import Alarm


def files(alarms: Sequence[Alarm], place: Place) -> dict[str, str]:
    """Return every page as it would be deployed at `place`."""
    return {
        f"{page.dashboard}.json": json.dumps(body(page, place, alarms), indent=2, ensure_ascii=False) + "\n"
        for page in PAGES
    }
