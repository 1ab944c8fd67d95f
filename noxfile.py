"""Everything a developer or CI runs. `nox -l` lists the sessions; what follows `--` is passed on.

Sessions share one environment per lock file, made once in .nox/ from requirements/*.txt with
hashes checked: with uv where nox was installed with it (`nox[uv]`), with venv and pip otherwise.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
PYTHONS = ((3, 11), (3, 12))
HEALING_LIMIT_S = 300
"""What a drill may take to heal and to take its stack down after Ctrl-C, before nox ends it."""

nox.options.default_venv_backend = "none"


# --- for the user ------------------------------------------------------------------------------


@nox.session
def drill(session: nox.Session) -> None:
    """Run the five headline drills on real engines (`-- --all`, `-- NAME`: see `firedrill run -h`)."""
    firedrill = str(environment(session, "runtime") / "firedrill")
    session.log(f"firedrill run {' '.join(session.posargs)}")
    sys.stdout.flush()
    sys.stderr.flush()
    # The drill takes nox's place: its exit code is CI's, and no nox is there to kill it while it heals.
    os.execv(firedrill, [firedrill, "run", *session.posargs])  # noqa: S606


@nox.session(default=False)
def tests(session: nox.Session) -> None:
    """Pass everything: lint, types, import rules, unit, exports; on real engines, and again on containers."""
    _lint(session)
    _types(session)
    _pytest(session, "tests/unit", "tests/property", "--hypothesis-profile=stable")
    _pytest(session, "tests/exports")
    _pytest(session, "tests/contract", "tests/integration")
    _containers(session)
    _coverage(session)


# --- for the developer -------------------------------------------------------------------------


@nox.session(default=False)
def lint(session: nox.Session) -> None:
    """Check style, format, who imports whom (ruff, import-linter), and that every mode has its drill."""
    _lint(session)
    _coverage(session)


@nox.session(default=False)
def types(session: nox.Session) -> None:
    """Check types, strictly (`-- PATH...` for some files only)."""
    _types(session, *session.posargs)


@nox.session(default=False)
def unit(session: nox.Session) -> None:
    """Run the unit and property tests: on fakes, in seconds (`-- -k WORD`)."""
    _pytest(session, *(session.posargs or ["tests/unit", "tests/property"]))


@nox.session(default=False)
def exports(session: nox.Session) -> None:
    """Have cfn-lint and promtool check what `firedrill export` writes (SKIPPED without promtool)."""
    _pytest(session, "tests/exports", *session.posargs)


@nox.session(default=False)
def contract(session: nox.Session) -> None:
    """Run the contract and integration tests on a real stack (`-- -k WORD`)."""
    _pytest(session, "tests/contract", "tests/integration", *session.posargs)


@nox.session(default=False)
def containers(session: nox.Session) -> None:
    """Run the contract tests and the headline drills on containers (SKIPPED where Docker cannot run)."""
    _containers(session, *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure what the documentation promises; writes docs/benchmarks.md."""
    _run(session, "python", "-m", "tests.bench", *session.posargs)


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Resolve the dependencies again into requirements/*.txt (`-- --upgrade`); needs uv."""
    uv = _uv() or session.error("locking needs uv: install nox with `nox[uv]`")
    for name, extra in (("runtime", []), ("dev", ["--extra", "dev"])):
        session.run(
            *(
                uv,
                "pip",
                "compile",
                "--quiet",
                "--universal",
                "--generate-hashes",
                "--python-version",
                "3.11",
            ),
            *("--no-header", "--no-emit-index-url", *extra, *session.posargs),
            *("pyproject.toml", "requirements/build.in", "--output-file", f"requirements/{name}.txt"),
            external=True,
        )


def _lint(session: nox.Session) -> None:
    _run(session, "ruff", "check")
    _run(session, "ruff", "format", "--check")
    _run(session, "lint-imports", "--no-cache")


def _coverage(session: nox.Session) -> None:
    """Be red when a mode loses its drill, or when the runs that are kept show that a tolerance is stale."""
    _run(session, "firedrill", "coverage", "--out", "docs/runs")


def _types(session: nox.Session, *paths: str) -> None:
    _run(session, "mypy", *paths)


def _pytest(session: nox.Session, *arguments: str) -> None:
    _run(session, "pytest", *arguments)


def _containers(session: nox.Session, *arguments: str) -> None:
    # The kept stack of the others must not stand yet when the killed ones are looked at.
    parts = ("tests/containers/test_killed.py", "tests/contract", "tests/containers/test_headline.py")
    _run(session, "pytest", *parts, *arguments, env={"FIREDRILL_STACK": "containers"})


def _run(session: nox.Session, program: str, *arguments: str, env: dict[str, str] | None = None) -> None:
    """Run a program of the developers' environment; what is interrupted gets time to heal."""
    session.run(
        str(environment(session, "dev") / program),
        *arguments,
        env=env,
        external=True,
        interrupt_timeout=HEALING_LIMIT_S,
        terminate_timeout=HEALING_LIMIT_S,
    )


# --- environments ------------------------------------------------------------------------------


def environment(session: nox.Session, name: str) -> Path:
    """Return the bin folder of the environment of requirements/NAME.txt, made if it is not there."""
    if sys.version_info[:2] not in PYTHONS:
        session.error(f"firedrill needs Python 3.11 or 3.12, but nox runs on {sys.version.split()[0]}")
    requirements = ROOT / "requirements" / f"{name}.txt"
    content = requirements.read_bytes() + (ROOT / "pyproject.toml").read_bytes()
    digest = hashlib.sha256(content + str(ROOT).encode()).hexdigest()[:8]
    folder = ROOT / ".nox" / f"{name}-{sys.version_info[0]}.{sys.version_info[1]}-{digest}"
    complete = folder / "complete"
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / "environments.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # two at once would make it twice, into each other
        if not complete.exists():
            session.log(f"making {folder.relative_to(ROOT)} from {requirements.relative_to(ROOT)}")
            shutil.rmtree(folder, ignore_errors=True)
            _make(session, folder, requirements)
            complete.touch()
    return folder / "bin"


def _make(session: nox.Session, folder: Path, requirements: Path) -> None:
    python, uv, settings = str(folder / "bin" / "python"), _uv(), _settings()
    if uv:
        make = [uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(folder)]
        install = [uv, "pip", "install", "--quiet", "--python", python]
    else:
        make = [sys.executable, "-m", "venv", str(folder)]
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in (
        make,
        [*install, "--require-hashes", "--requirement", str(requirements)],
        # The project has no hash; all that it needs is there by now, what builds it too.
        [*install, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
    ):
        session.run(*command, env=settings, external=True, silent=False)


def _uv() -> str:
    """Return uv's program: the one nox was installed with, or the machine's; empty without one."""
    try:
        import uv
    except ImportError:
        return shutil.which("uv") or ""
    return str(uv.find_uv_bin())


def _settings() -> dict[str, str]:
    """Return the mirror and the CA as uv and pip know them; uv does not read pip's settings itself."""
    known = os.environ
    settings: dict[str, str] = {}
    index = known.get("FIREDRILL_PYPI_MIRROR") or known.get("UV_DEFAULT_INDEX") or _pip_index()
    if index:
        settings |= {"UV_DEFAULT_INDEX": index, "PIP_INDEX_URL": index}
    if known.get("FIREDRILL_CA_BUNDLE"):
        settings |= {name: known["FIREDRILL_CA_BUNDLE"] for name in ("SSL_CERT_FILE", "PIP_CERT")}
    return settings


def _pip_index() -> str:
    asked = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    return os.environ.get("PIP_INDEX_URL", "") or told.stdout.strip()
