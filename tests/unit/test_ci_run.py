"""What CI starts with, on a machine of which nothing is known but that it has a Python."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from fixtures.processes.layout import ROOT

WITHOUT_ENSUREPIP = """\
#!/bin/sh
case "$*" in *ensurepip*|*venv*|*virtualenv*) exit 1 ;; esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout with a space in its path, on a machine whose Python makes no environments."""
    checkout = tmp_path / "a checkout"
    (checkout / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", checkout / ".ci" / "run")
    program(tmp_path / "bin" / "python3.12", WITHOUT_ENSUREPIP)
    return checkout


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")
    path.chmod(0o755)


def run(checkout: Path) -> subprocess.CompletedProcess[str]:
    path = f"{checkout.parent / 'bin'}:/usr/bin:/bin"
    return subprocess.run(
        ["/bin/bash", str(checkout / ".ci" / "run")],
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_an_environment_that_is_there_is_used_again(checkout: Path) -> None:
    """The second build of the same checkout must not need what the first one could do without."""
    program(checkout / ".venv" / "bin" / "pip", "#!/bin/sh\n")
    program(checkout / ".venv" / "bin" / "nox", '#!/bin/sh\necho "nox $*"\n')

    done = run(checkout)

    assert (0, "nox -s tests\n") == (done.returncode, done.stdout)


@pytest.mark.skipif(bool(shutil.which("uv", path="/usr/bin:/bin")), reason="this machine's uv would make one")
def test_a_python_that_makes_no_environments_is_said_to_lack_its_package(checkout: Path) -> None:
    done = run(checkout)

    assert 64 == done.returncode
    assert "python3.12 cannot make virtual environments: install its venv package" in done.stderr
