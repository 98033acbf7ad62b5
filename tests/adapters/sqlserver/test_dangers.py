"""What lets a login become a superuser, or another login, of grants that no test's server is given: no server."""

from collections.abc import Sequence

import pytest

from whalefall_pipeline.adapters.sqlserver.access import ACCESS
from whalefall_pipeline.core.access.model import Danger, Population
from whalefall_pipeline.core.model import SERVER, Account, AccountState, Held, Json, Kind, Securable

SHOP = Securable("database", "shop")


def find(*held: Held, owner: Held | None = None, **attributes: Json) -> list[Danger]:
    """Return what eve may do by grants of her own."""
    states = {
        "eve": AccountState(Account("eve", Kind.USER), frozenset(held)),
        "ann": AccountState(Account("ann", Kind.USER), frozenset([owner] if owner else [])),
    }
    return [found for found in ACCESS.find_dangers(Population(states, attributes=attributes)) if found.holder == "eve"]


@pytest.mark.parametrize(
    ("privilege", "securable", "step"),
    [
        ("EXECUTE", Securable("routine", "master", "sys", "xp_cmdshell"), "EXEC xp_cmdshell runs programs"),
        ("IMPERSONATE ANY LOGIN", Securable(SERVER), "EXECUTE AS LOGIN = N'...'"),
    ],
)
@pytest.mark.parametrize("option", [False, True])
def test_one_grant_is_enough_with_its_option_or_without(
    privilege: str, securable: Securable, step: str, option: bool
) -> None:
    (danger,) = find(Held(privilege, securable, option))
    assert (danger.step, danger.held) == (step, Held(privilege, securable, option))
    assert not find(Held("VIEW DEFINITION", securable, option))


@pytest.mark.parametrize(("trusted", "count"), [(["shop"], 1), (["other"], 0), ([], 0)])
def test_control_of_a_trustworthy_database_is_what_its_owner_is(trusted: Sequence[str], count: int) -> None:
    found = find(Held("CONTROL", SHOP), owner=Held("OWNER", SHOP), is_trustworthy_on=list(trusted))
    assert [danger.becomes for danger in found] == ["ann"] * count


def test_who_may_set_passwords_is_no_danger_where_nobody_has_one() -> None:
    assert not find(Held("ALTER ANY LOGIN", Securable(SERVER)))
