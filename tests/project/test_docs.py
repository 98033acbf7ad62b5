"""What the pages promise: the tutorial runs as it stands, the questions are answered, the README says it twice."""

import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.engines.scripted import Fleet, select_on, user
from tests.ledger.rows import read

TOP = Path(__file__).parents[2]
SECONDS = 280
README = (TOP / "README.md").read_text(encoding="utf-8")
CHINESE = (TOP / "README.zh-CN.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(bash|text|sql)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read_blocks(page: str) -> list[tuple[str, str]]:
    """Return the fenced blocks of a page in `docs`, each with its language."""
    return BLOCK.findall((TOP / "docs" / page).read_text(encoding="utf-8"))


def test_the_first_hour_runs_from_beginning_to_end_and_prints_what_it_says(tmp_path: Path) -> None:
    blocks = read_blocks("first-hour.md")
    steps = [text for language, text in blocks if language == "bash"]
    script = "".join(f"echo '=== {number}'\n{step}" for number, step in enumerate(steps))
    home = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=home,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len([text for language, text in blocks if language == "text"]) > 4
    printed = dict(re.findall(r"^=== (\d+)\n(.*?)(?=^=== |\Z)", done.stdout, re.MULTILINE | re.DOTALL))
    step = -1
    for language, text in blocks:
        if language == "bash":
            step += 1
            continue
        missing = [line for line in text.splitlines() if line not in printed[str(step)]]
        assert missing == [], printed[str(step)]
    assert not (tmp_path / "first-hour").exists()


@pytest.fixture
def shop(ledger: Engine, tmp_path: Path) -> Fleet:
    fleet = Fleet(ledger, tmp_path)
    fleet.register("shop")
    fleet.adapter.accounts = [user("ana"), user("root", rolsuper=True)]
    fleet.adapter.grants = [select_on("ana", "customers")]
    fleet.sync()
    return fleet


QUESTIONS = [text for language, text in read_blocks("ledger.md") if language == "sql"]
ANSWERED = (0, 1, 2, 5)
"""Those to which the ledger of the test has an answer."""


def test_there_are_ten_questions() -> None:
    assert len(QUESTIONS) == 10


@pytest.mark.parametrize("number", range(10))
def test_each_question_of_the_ledgers_page_is_answered(number: int, shop: Fleet) -> None:
    rows = read(shop.engine, QUESTIONS[number].rstrip().removesuffix(";"))
    assert bool(rows) is (number in ANSWERED), rows


def test_both_readmes_have_the_same_commands_links_pictures_and_rows() -> None:
    for pattern in (r"^    .+$", r"\]\(([^)]+)\)", r"^#+ ", r"^\|", r"`[^`]+`"):
        ours, theirs = re.findall(pattern, README, re.MULTILINE), re.findall(pattern, CHINESE, re.MULTILINE)
        others = {"README.md", "README.zh-CN.md"}
        assert sorted(set(ours) - others) == sorted(set(theirs) - others), pattern
        assert len(ours) == len(theirs), pattern


def test_the_chinese_readme_was_looked_through_since_the_last_change_of_the_english_one() -> None:
    """Its first line holds the digest of the README that it says the same as."""
    digest = sha256(README.encode()).hexdigest()[:16]
    assert CHINESE.startswith(f"<!-- README.md sha256: {digest} -->\n"), f"bring it in step, then write {digest} there"


def test_the_site_is_built_without_a_broken_link(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path / "site"],
        cwd=TOP,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site" / "search" / "search_index.json").stat().st_size > 10_000
    assert (tmp_path / "site" / "docs" / "dagster-ui.png").exists()
    assert list((tmp_path / "site" / "assets" / "stylesheets").glob("main.*.css"))
