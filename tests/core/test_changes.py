"""What one sync changed: what of it is counted, what is news, and what two steps of a sync come to together."""

import pytest

from whalefall_pipeline.core.changes import AccountChange, Changes, NewSuperuser
from whalefall_pipeline.core.diff import KIND_FIELD, AttributeChange, ChangeType, Difference
from whalefall_pipeline.core.findings.model import Finding, FindingChanges, Outcome, Severity
from whalefall_pipeline.core.model import Account, AccountState, Grant, Held, Kind, Securable, Seen, Unseen

ORDERS = Securable("table", "shop", "public", "orders")
SELECT, INSERT = Held("SELECT", ORDERS), Held("INSERT", ORDERS, grant_option=True)
KIND = AttributeChange(KIND_FIELD, "role", "predefined")
LIMIT = AttributeChange("limit", 1, 2)
OF_KIND = Difference(other=(KIND,))
GAINED, LOST = Difference(gained=frozenset({SELECT})), Difference(lost=frozenset({SELECT}))


def _change(
    change_type: ChangeType, difference: Difference = OF_KIND, kind: Kind | None = Kind.USER, username: str = "ana"
) -> AccountChange:
    after = None if kind is None else AccountState(Account(username, kind))
    return AccountChange(1, username, change_type, difference, after)


@pytest.mark.parametrize("kind", [*Kind, None])
def test_a_change_counts_unless_the_account_is_the_engines_own(kind: Kind | None) -> None:
    assert _change("add", kind=kind).is_counted is (kind is not Kind.PREDEFINED)


@pytest.mark.parametrize("kind", [kind for kind in (*Kind, None) if kind is not Kind.PREDEFINED])
@pytest.mark.parametrize("change_type", ["add", "modify_other", "modify_privilege", "delete", "reactivate"])
def test_all_that_happens_to_a_counted_account_is_news(kind: Kind | None, change_type: ChangeType) -> None:
    assert _change(change_type, OF_KIND, kind).is_news is True


@pytest.mark.parametrize(
    ("change_type", "difference", "is_news"),
    [
        ("add", GAINED, False),  # an engine has roles of its own
        ("modify_other", OF_KIND, False),  # a later version of ours knows it as such
        ("modify_other", Difference(other=(LIMIT,)), True),
        ("modify_other", Difference(other=(KIND, LIMIT)), True),
        ("modify_privilege", GAINED, True),
        ("modify_privilege", LOST, True),
        ("modify_privilege", GAINED._replace(other=(KIND,)), True),
        ("modify_privilege", LOST._replace(other=(KIND,)), True),
        ("reactivate", GAINED, True),
    ],
)
def test_that_an_engine_has_roles_of_its_own_is_no_news_and_what_happens_to_them_is(
    change_type: ChangeType, difference: Difference, *, is_news: bool
) -> None:
    assert _change(change_type, difference, Kind.PREDEFINED).is_news is is_news


def _finding(rule_id: str) -> Finding:
    return Finding(rule_id, "ana", "", Outcome.FOUND, Severity.HIGH, "title", "message", {})


def test_inventory_and_permissions_together_are_all_that_a_sync_changed() -> None:
    gone, added = _change("delete", LOST, None, "old"), _change("add", GAINED, username="new")
    opened, closed = FindingChanges(opened=(_finding("A"),)), FindingChanges(closed=(_finding("B"),))
    replaced = AttributeChange("identity", "one", "other")
    inventory = Changes(
        new=["new"],
        returned=["back"],
        recreated=["again"],
        accounts=[gone],
        replaced=replaced,
        notices=["first"],
        findings=opened,
    )
    permissions = Changes(
        accounts=[added],
        attributes=[LIMIT],
        notices=["second"],
        lost=[Unseen("database:hr", Seen.DENIED, "why", None)],
        found=["server"],
        findings=closed,
        superusers=[NewSuperuser("new", ("because",))],
        of_superusers=True,
    )
    assert inventory.join(permissions) == Changes(
        new=["new"],
        returned=["back"],
        recreated=["again"],
        accounts=(gone, added),
        attributes=permissions.attributes,
        replaced=replaced,
        notices=("first", "second"),
        lost=permissions.lost,
        found=["server"],
        findings=FindingChanges(opened=opened.opened, closed=closed.closed),
        superusers=permissions.superusers,
        of_superusers=True,
    )


def test_a_sync_that_changed_nothing_has_no_superusers_among_what_differs() -> None:
    nothing = Changes().join(Changes())
    assert not nothing.of_superusers
    assert (nothing.gone, [*nothing.granted], [*nothing.revoked]) == ([], [], [])


def test_who_was_dropped_and_made_again_is_not_gone() -> None:
    left = [_change("delete", LOST, None, name) for name in ("again", "old")]
    stayed = [_change("modify_privilege", username="ana"), _change("add", username="new")]
    assert Changes(recreated=["again"], accounts=[*left, *stayed]).gone == ["old"]


def test_what_was_granted_and_revoked_names_who_had_it() -> None:
    accounts = [
        _change("modify_privilege", Difference(frozenset({INSERT}), frozenset({SELECT})), username="ana"),
        _change("delete", LOST, None, "bob"),
        _change("add", GAINED, username="eve"),
    ]
    changes = Changes(accounts=accounts)
    select = Grant("ana", "SELECT", ORDERS)
    assert [*changes.granted] == [Grant("ana", "INSERT", ORDERS, True), select._replace(grantee="eve")]
    assert [*changes.revoked] == [select, select._replace(grantee="bob")]
