"""Starts the runs of a sync, on the webserver or in a process of this command's own, and ends them on Ctrl-C."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from whalefall_pipeline.cli.graphql import Webserver
from whalefall_pipeline.cli.workplace import Workplace
from whalefall_pipeline.core.errors import WhalefallError
from whalefall_pipeline.core.ranges import build_runs
from whalefall_pipeline.core.runs import FINISHED
from whalefall_pipeline.system import on_parent_death


class Launch(Protocol):
    """The runs that one command started: their ids are the ids of their sessions."""

    session_ids: Sequence[str]

    def is_over(self) -> bool:
        """Return whether every run has ended."""
        ...

    def cancel(self) -> None:
        """Ask the runs to end now; it is asked again until they have, since one that is just starting may not hear."""
        ...

    def find_log(self) -> str:
        """Return where a person looks when a run ended before its session began."""
        ...


@dataclass
class RemoteLaunch:
    """Runs on a webserver."""

    webserver: Webserver
    session_ids: Sequence[str]
    _finished: set[str] = field(default_factory=set[str])

    def is_over(self) -> bool:
        """Return whether every run has ended, by the webserver's word."""
        waiting = [run_id for run_id in self.session_ids if run_id not in self._finished]
        self._finished.update(run_id for run_id in waiting if self.webserver.read_status(run_id) in FINISHED)
        return len(self._finished) == len(self.session_ids)

    def cancel(self) -> None:
        """Terminate the runs that have not ended."""
        self.webserver.terminate([run_id for run_id in self.session_ids if run_id not in self._finished])

    def find_log(self) -> str:
        """Return the addresses of the runs' pages."""
        return ", ".join(f"{self.webserver.url}/runs/{run_id}" for run_id in self.session_ids)


@dataclass
class LocalLaunch:
    """Runs in a child process, one after the other."""

    process: "subprocess.Popen[str]"
    session_ids: Sequence[str]
    log: Path
    _interrupted: bool = False

    def is_over(self) -> bool:
        """Return whether the child has ended."""
        return self.process.poll() is not None

    def cancel(self) -> None:
        """Interrupt the child as Ctrl-C would, once; Dagster then cancels its run."""
        if not self.is_over() and not self._interrupted:
            self.process.send_signal(signal.SIGINT)
            self._interrupted = True

    def find_log(self) -> str:
        """Return the path of the child's log."""
        return str(self.log)


def launch_remotely(webserver: Webserver, chosen: Sequence[str], tags: Mapping[str, str], at_most: int) -> RemoteLaunch:
    """Launch as few runs as there can be, at most so many instances in each; missing partitions are added."""
    known = webserver.read_partitions()
    present = set(known)
    new = [name for name in chosen if name not in present]
    for name in new:
        webserver.add_partition(name)
    runs = build_runs([*known, *new], chosen, at_most, tags)
    return RemoteLaunch(webserver, [webserver.launch(run_tags) for run_tags in runs])


def launch_locally(workplace: Workplace, chosen: Sequence[str], tags: Mapping[str, str]) -> LocalLaunch:
    """Start a child process that runs the syncs with Dagster's storage, without webserver or daemon."""
    log = workplace.home / "logs" / "sync.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "whalefall_pipeline.cli.local_run"]
    with log.open("w") as file:
        process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            env=workplace.build_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            start_new_session=True,
            preexec_fn=on_parent_death(signal.SIGTERM),  # noqa: PLW1509 - it takes no lock of ours
        )
    return LocalLaunch(process, _exchange(process, chosen, tags, log), log)


def _exchange(process: "subprocess.Popen[str]", chosen: Sequence[str], tags: Mapping[str, str], log: Path) -> list[str]:
    standard_input, standard_output = process.stdin, process.stdout
    if standard_input is None or standard_output is None:
        raise WhalefallError("the local run has no pipes")
    try:
        json.dump({"names": list(chosen), "tags": dict(tags)}, standard_input)
        standard_input.close()
        return list(json.loads(_read_line(standard_output, log)))
    except BaseException:
        process.send_signal(signal.SIGINT)
        raise


def _read_line(output: IO[str], log: Path) -> str:
    line = output.readline()
    if not line:
        raise WhalefallError(f"the local run ended before it began; its last words are in {log}")
    return line
