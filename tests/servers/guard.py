"""A process that ends what tests have started and removes their folders when the test process is killed.

It waits for the end of a pipe that the test process holds open, which the kernel closes however that process ends. It
finds what it has to end by a variable of the environment that all children inherit, so nobody has to register them.
A signal at the parent's death (PR_SET_PDEATHSIG) is not enough: the kernel forgets it when a server changes its user.
Only where there is a /proc; elsewhere a run that is killed leaves its servers behind.
"""

import os
import secrets
import subprocess
import sys
from functools import cache
from pathlib import Path

MARK = "TESTS_GUARDED_BY"
_PROGRAM = Path(__file__).with_name("guarding.py")


@cache
def _start(_owner: int) -> "subprocess.Popen[str]":
    """Start the guard of this process; what is started from now on has its mark."""
    mark = secrets.token_hex(8)
    # In a session of its own, so that a signal to our process group does not reach it, and itself without any mark.
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", _PROGRAM, f"{MARK}={mark}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        cwd="/",
        env={},
    )
    os.environ[MARK] = mark
    return process


def start_guard() -> None:
    """Have all that this process starts from now on end with it."""
    _start(os.getpid())


def guard_folder(folder: Path) -> None:
    """Have a folder removed when this process is killed."""
    stdin = _start(os.getpid()).stdin
    assert stdin is not None
    stdin.write(f"{folder}\n")
    stdin.flush()


def dismiss_guard() -> None:
    """Let the guard go: this process has ended its servers itself."""
    process = _start(os.getpid())
    process.communicate("\n")
