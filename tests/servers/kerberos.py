"""A Kerberos realm for tests: a key distribution centre on a loopback port, from the system's packages.

It refuses no user, so it runs as the test's own.
"""

import secrets
import shlex
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.debian import FetchError, fetch_program
from tests.servers.ports import HOST, take_port
from tests.servers.required import missing
from tests.servers.unprivileged import make_folder

REALM = "WHALEFALL.TEST"
CONFIGURATION = """\
[libdefaults]
  default_realm = {realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  default_ccache_name = MEMORY:whalefall
  udp_preference_limit = 1
[realms]
  {realm} = {{
    kdc = {host}:{port}
    database_module = here
    key_stash_file = {folder}/stash
  }}
[dbmodules]
  db_module_dir = {plugins}
  here = {{
    db_library = db2
    database_name = {folder}/principal
  }}
[kdcdefaults]
  kdc_listen = {host}:{port}
  kdc_tcp_listen = {host}:{port}
[logging]
  kdc = FILE:{folder}/kdc.log
"""


@dataclass
class Realm:
    """A running realm: `variables` are what the environment of its clients and services needs."""

    folder: Path
    administrate: list[str]

    @property
    def variables(self) -> dict[str, str]:
        return {"KRB5_CONFIG": f"{self.folder}/krb5.conf", "KRB5_KDC_PROFILE": f"{self.folder}/krb5.conf"}

    def make_key(self, principal: str) -> Path:
        """Make a principal, and return the file with its key, which the servers' user may read."""
        keytab = self.folder / f"{secrets.token_hex(4)}.keytab"
        for question in (f"addprinc -randkey {principal}", f"ktadd -k {keytab} {principal}"):
            _run([*self.administrate, "-q", question])
        keytab.chmod(0o644)
        return keytab


@contextmanager
def start_realm() -> Generator[Realm]:
    """Run a fresh realm until the block ends. Skips or fails the test where its programs can't be had."""
    try:
        administrator = fetch_program("krb5-admin-server", "usr/sbin/kadmin.local")
    except FetchError as error:
        missing("Kerberos", str(error))
    root = administrator.parents[2]
    plugins = next(root.glob("usr/lib/*/krb5/plugins/kdb"))
    folder = make_folder("kerberos")
    folder.chmod(0o755)
    with take_port() as port:
        text = CONFIGURATION.format(realm=REALM, host=HOST, port=port, plugins=plugins, folder=folder)
        (folder / "krb5.conf").write_text(text)
        with_settings = ["env", f"KRB5_CONFIG={folder}/krb5.conf", f"KRB5_KDC_PROFILE={folder}/krb5.conf"]
        make = _beside(administrator, "kdb5_util")
        _run([*with_settings, *make, "create", "-s", "-r", REALM, "-P", secrets.token_hex(8)])
        serve = [*with_settings, *_beside(administrator, "krb5kdc"), "-n", "-r", REALM]
        process = subprocess.Popen(serve, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait(port, process)
            yield Realm(folder, [*with_settings, str(administrator)])
        finally:
            process.kill()
            process.wait()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[-1]} ended with {done.returncode}: {done.stderr.strip()}")


def _beside(program: Path, name: str) -> list[str]:
    """Return the command of another program of the package: through the same loader, see `debian.fetch_program`."""
    words = shlex.split(program.read_text().splitlines()[1])
    return [*words[1:4], str(program.with_name(name))]


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Return once the centre listens; it says nothing, and takes connections as soon as it does."""
    while process.poll() is None:
        with socket.socket() as asking:
            if asking.connect_ex((HOST, port)) == 0:
                return
    raise RuntimeError(f"the key distribution centre ended with {process.returncode}")
