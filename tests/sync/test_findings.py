"""Where few accounts differ, rules are asked about these: what the ledger holds then is what it would be anyway."""

import random
from collections.abc import Callable

import pytest
from sqlalchemy import event, text

from tests.engines.scripted import OBSERVED, Fleet, role, select_on, user
from tests.ledger.rows import read
from whalefall_pipeline.adapters.postgresql.findings import FINDINGS
from whalefall_pipeline.core.model import Account, Grant, Kind, Securable

OPEN = """
select rule_id, username, object, outcome, severity, message, detail from finding
where closed_at is null order by rule_id, username, object, outcome
"""
NAMES = [f"user_{number:02}" for number in range(60)]
ROLES = ("readers", "bosses", "pg_execute_server_program")
SOON = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def populated(fleet: Fleet) -> Fleet:
    """A fleet of one instance with PostgreSQL's rules and many accounts."""
    fleet.adapter.findings = FINDINGS
    fleet.adapter.tells_rows = True
    fleet.adapter.accounts = [*(user(name) for name in NAMES), *map(role, ROLES), Account("public", Kind.PUBLIC)]
    fleet.adapter.grants = [select_on(name, "orders") for name in NAMES]
    fleet.adapter.attributes = {"ssl": "off", "password_encryption": "scram-sha-256"}
    fleet.adapter.coverage = {"server": OBSERVED, "database:shop": OBSERVED}
    fleet.sync()
    return fleet


def count_partial(fleet: Fleet) -> list[str]:
    """Return a list to which each reading of some findings alone will be added."""
    sent: list[str] = []

    @event.listens_for(fleet.engine, "before_cursor_execute")
    def keep(_connection: object, _cursor: object, statement: str, *_more: object) -> None:  # pyright: ignore[reportUnusedFunction]
        if "any (cast" in statement and "from finding where" in statement and "outcome = 'unknown'" in statement:
            sent.append(statement)

    return sent


def change_flags(fleet: Fleet, draw: random.Random) -> None:
    flags = draw.choice(
        [{"rolsuper": True}, {"rolcreaterole": True}, {"rolbypassrls": True}, {"rolvaliduntil": SOON}, {}]
    )
    name = draw.choice(NAMES)
    others = [account for account in fleet.adapter.accounts if account.username != name]
    fleet.adapter.accounts = [*others, user(name, **flags)]


def change_role(fleet: Fleet, draw: random.Random) -> None:
    others = [account for account in fleet.adapter.accounts if account.username != "bosses"]
    fleet.adapter.accounts = [*others, user("bosses", rolsuper=draw.random() < 0.5, rolcanlogin=False)]


def change_memberships(fleet: Fleet, draw: random.Random) -> None:
    member, securable = draw.choice(NAMES[:6]), Securable("role", object=draw.choice(ROLES))
    option = draw.random() < 0.5
    added = [
        Grant(member, "MEMBER", securable, option),
        Grant(member, "INHERIT", securable),
        Grant(member, "SET", securable),
    ]
    fleet.adapter.grants = [*{*fleet.adapter.grants, *added}]


def change_grants(fleet: Fleet, draw: random.Random) -> None:
    grantee = draw.choice([*NAMES[:9], "public"])
    fleet.adapter.grants = [
        *(item for item in fleet.adapter.grants if item.grantee != grantee),
        select_on(grantee, draw.choice(["orders", "items"]), option=grantee != "public"),
    ]


CHANGES: list[Callable[[Fleet, random.Random], None]] = [change_flags, change_role, change_memberships, change_grants]


def test_what_is_asked_of_few_accounts_is_what_all_would_come_to(populated: Fleet) -> None:
    draw, partial = random.Random(7), count_partial(populated)  # noqa: S311 - no secret
    rules: set[str] = set()
    for _ in range(14):
        draw.choice(CHANGES)(populated, draw)
        populated.sync()
        found = read(populated.engine, OPEN)
        with populated.engine.begin() as connection:
            connection.execute(text("update finding_evaluation set due_at = 'epoch'"))
        populated.sync()
        assert read(populated.engine, OPEN) == found
        rules |= {row["rule_id"] for row in found}
    assert len(partial) > 5, "most changes are of few accounts"
    assert len(rules) > 5


def test_a_superuser_more_or_less_is_counted_though_few_accounts_differ(populated: Fleet) -> None:
    partial = count_partial(populated)
    counted = "select message from finding where rule_id = 'ALL-02' and closed_at is null"
    for number in (4, 5, 4, 3):
        populated.adapter.accounts = [
            *(user(name, rolsuper=place < number) for place, name in enumerate(NAMES)),
            *map(role, ROLES),
            Account("public", Kind.PUBLIC),
        ]
        populated.sync()
        said = [row["message"] for row in read(populated.engine, counted)]
        assert said == ([f"{number} accounts are superusers, and at most 3 may be"] if number > 3 else [])
    assert len(partial) == 4


def test_findings_that_were_lost_are_found_again(populated: Fleet) -> None:
    """What the ledger holds is built on only where it is known to be of the accounts as they were."""
    before = read(populated.engine, OPEN)
    with populated.engine.begin() as connection:
        connection.execute(text("delete from finding"))
        connection.execute(text("update finding_evaluation set basis = 'other'"))
    populated.adapter.accounts = [user(NAMES[0], rolbypassrls=True), *populated.adapter.accounts[1:]]
    populated.sync()
    assert len(read(populated.engine, OPEN)) == len(before) + 1
