"""Asks whether anything that is pinned has a known vulnerability, by `make audit`.

A service that knows nothing and one that found nothing give the same answer. So it is first asked about releases whose
vulnerabilities have been known for years: where it reports none of these, nothing was checked, and that is said.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
CANARY = ("jinja2==2.10", "pyyaml==5.3")
"""CVE-2019-10906 and CVE-2020-1747, among others; none of them was withdrawn."""
INSTALL_SECONDS, CANARY_SECONDS = 120.0, 20.0
ANSWER_SECONDS = "5"
"""How long pip-audit waits for one answer."""


def audit(program: Sequence[str], lock: Path, options: Sequence[str], canary_seconds: float = CANARY_SECONDS) -> int:
    """Ask about all of a lock file and return the exit code, 0 with a line that says so where nobody could be asked.

    `program` is the command of pip-audit, `options` are more of its options (`-s osv`). With --strict a package that
    nothing could be said of fails it too.
    """
    if not knows_canary(program, options, canary_seconds):
        return report_unchecked(f"the vulnerability service can't be reached, or does not know {' or '.join(CANARY)}")
    how = ["--strict", "--disable-pip", "--require-hashes", "--progress-spinner=off", f"--timeout={ANSWER_SECONDS}"]
    return subprocess.run([*program, *how, *options, "-r", str(lock)], check=False, stdin=subprocess.DEVNULL).returncode


def knows_canary(program: Sequence[str], options: Sequence[str], seconds: float) -> bool:
    """Whether the service reports a vulnerability of a release that has some; it is asked itself, not a cache."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "canary.txt"
        listed.write_text("\n".join(CANARY) + "\n", encoding="utf-8")
        how = ["--disable-pip", "--no-deps", "--format=json", f"--cache-dir={folder}", f"--timeout={ANSWER_SECONDS}"]
        text = run_quietly([*program, *how, "--progress-spinner=off", *options, "-r", str(listed)], seconds)
    try:
        answered = json.loads(text or "{}").get("dependencies", [])
    except ValueError:
        return False
    return any(package.get("vulns") for package in answered)


def run_quietly(command: Sequence[str], seconds: float) -> str:
    """Run a command and return what it printed; nothing where it can't be run or takes too long."""
    try:
        running = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
    except OSError:
        return ""
    with running:
        try:
            return running.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)  # uv runs pip-audit as a child of its own
            return ""


def report_unchecked(why: str) -> int:
    """Say that nothing was checked; that is no failure of what would have been."""
    sys.stdout.write(f"audit: not checked: {why}\n")
    return 0


def main(uv: str, version: str, *options: str) -> int:
    """Audit `requirements.lock` with a version of pip-audit, which uv gets where it has not."""
    program = [uv, "tool", "run", "--quiet", f"pip-audit=={version}"]
    if not run_quietly([*program, "--version"], INSTALL_SECONDS):
        return report_unchecked("pip-audit can't be had from the package index")
    return audit(program, LOCK, options)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
