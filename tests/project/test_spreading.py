"""One worker runs all tests of a group, so that what they share is started once."""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.spreading import find_group, sort_groups

TOP = Path(__file__).parents[2]
TEST = """
import os, pathlib, pytest

@pytest.mark.parametrize("engine", {engines})
def test_it(engine, request):
    with open({seen!r}, "a") as file:
        print(os.environ["PYTEST_XDIST_WORKER"], request.node.nodeid, file=file)
"""
GROUPS = {
    "tests/core/test_diff.py::test_it": "core/test_diff.py",
    "tests/engines/test_faults.py::test_it[mariadb]": "mariadb",
    "tests/engines/test_faults.py::test_it[mariadb-newest]": "mariadb-newest",
    "tests/engines/test_faults.py::test_it[a - b-mariadb-newest-x]": "mariadb-newest",
    "tests/engines/test_faults.py::test_it[mysqlish]": "engines/test_faults.py",
    "tests/end_to_end/triggers/test_starts.py::test_it[x]": "end_to_end/triggers",
}


@pytest.mark.parametrize("nodeid", GROUPS)
def test_a_group_is_found_in_the_id(nodeid: str) -> None:
    assert find_group(nodeid) == GROUPS[nodeid]


def test_the_slow_groups_come_first_and_each_stays_in_its_order() -> None:
    ids = [f"tests/{each}" for each in ("core/t.py::a", "x.py::t[toy]", "embedded/t.py::b", "embedded/t.py::a")]
    assert [ids[place] for place in sort_groups(ids)] == [ids[2], ids[3], ids[1], ids[0]]


def test_no_group_is_run_by_two_workers(tmp_path: Path) -> None:
    """With the real xdist: what it calls a scope is what a later version may change."""
    seen = tmp_path / "seen"
    for name, engines in {"a/test_a": ["mysql", "toy", "x", "y"], "b/test_b": ["toy", "mysql", "z", "w"]}.items():
        path = tmp_path / f"tests/{name}.py"
        path.parent.mkdir(parents=True)
        path.write_text(TEST.format(engines=engines, seen=str(seen)))
    options = ["-n2", "--dist=loadscope", "--no-loadscope-reorder", "-ptests.spreading", "-pno:randomly", "-pno:cov"]
    command = [sys.executable, "-m", "pytest", "-q", f"--rootdir={tmp_path}", *options, tmp_path / "tests"]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    workers: dict[str, set[str]] = defaultdict(set)
    for line in seen.read_text().splitlines():
        worker, nodeid = line.split(" ", 1)
        workers[find_group(nodeid)].add(worker)
    assert {group: len(names) for group, names in workers.items()} == dict.fromkeys(
        ("mysql", "toy", "a/test_a.py", "b/test_b.py"), 1
    )
    assert len({name for names in workers.values() for name in names}) == 2
