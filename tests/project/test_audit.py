"""The audit of what is pinned: it finds what is vulnerable, passes what is not, and says where it could not look.

The real pip-audit asks a service on loopback, which answers as osv.dev does (https://ossf.github.io/osv-schema/).
"""

import json
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.engines.proxy import open_black_hole
from tests.project.audit import ROOT, audit, main
from tests.servers.required import missing

HASH = "sha256:" + "0" * 64
KNOWN = ("jinja2", "pyyaml")


@pytest.fixture(scope="module")
def program() -> list[str]:
    """The command that `make audit` runs."""
    (version,) = [
        line.partition(":= ")[2]
        for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
        if line.startswith("AUDIT_VERSION")
    ]
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "tool", "run", "--quiet", f"pip-audit=={version}"]
    if not uv.is_file():
        missing("pip-audit", "there is no uv beside Python")
    return command


@contextmanager
def start_service(vulnerable: Iterable[str]) -> Generator[list[str]]:
    """Serve what osv.dev serves for POST /v1/query; yields the options that have pip-audit ask here."""
    known = set(vulnerable)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            name = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
            affected = [{"package": {"name": name, "ecosystem": "PyPI"}}]
            found = {"vulns": [{"id": "PYSEC-0000-1", "details": "a hole", "affected": affected}]}
            answer = json.dumps(found if name in known else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield ["-s", "osv", "--osv-url", f"http://127.0.0.1:{server.server_address[1]}/v1/query"]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text(f"attrs==25.3.0 --hash={HASH}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("vulnerable", "expected"),
    [
        ((), (0, "audit: not checked: the vulnerability service can't be reached, or does not know jinja2")),
        (KNOWN, (0, "No known vulnerabilities found")),
        ((*KNOWN, "attrs"), (1, "PYSEC-0000-1")),
    ],
    ids=["a blind service", "nothing found", "something found"],
)
def test_what_a_service_knows_is_what_the_audit_says(
    program: list[str],
    lock: Path,
    capfd: pytest.CaptureFixture[str],
    vulnerable: tuple[str, ...],
    expected: tuple[int, str],
) -> None:
    code, said = expected
    with start_service(vulnerable) as options:
        assert audit(program, lock, options) == code
    assert said in "".join(capfd.readouterr())


def test_a_service_that_never_answers_ends_in_a_line(
    program: list[str], lock: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with open_black_hole() as port:
        options = ["-s", "osv", "--osv-url", f"http://127.0.0.1:{port}/v1/query"]
        assert audit(program, lock, options, canary_seconds=1) == 0
    assert capfd.readouterr().out.startswith("audit: not checked: ")


def test_without_pip_audit_nothing_was_checked(capfd: pytest.CaptureFixture[str]) -> None:
    assert main("no-such-program", "0") == 0
    assert capfd.readouterr().out == "audit: not checked: pip-audit can't be had from the package index\n"
