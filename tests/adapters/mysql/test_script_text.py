"""What scripts say of roles and of logins that a reading may show and no test's server has."""

import pytest

from whalefall_pipeline.adapters.mysql.names import Flavour
from whalefall_pipeline.adapters.mysql.script.roles import list_mandatory, set_default_roles
from whalefall_pipeline.adapters.mysql.script.secrets import build_authentication, is_guarded
from whalefall_pipeline.core.model import MEMBER, Account, AccountState, Grant, Json, Kind, Securable

CLERK, STAFF = (Securable("role", object=f"{name}@%") for name in ("clerk", "staff"))


def make(flavour: Flavour, *held: tuple[str, Securable]) -> AccountState:
    account = Account("ann@%", Kind.USER, {"flavour": flavour})
    return AccountState.of(account, [Grant("ann@%", privilege, securable) for privilege, securable in held])


def test_a_default_role_that_is_not_granted_is_left_out_and_said() -> None:
    """The server would refuse the statement, and with it the roles that are granted."""
    state = make("mysql", (MEMBER, CLERK), ("DEFAULT", CLERK), ("DEFAULT", STAFF))
    note, statement = set_default_roles(None, state)
    assert note.startswith("-- ")
    assert "'staff'@'%'" in note
    assert statement == "ALTER USER 'ann'@'%' DEFAULT ROLE 'clerk'@'%';"
    assert list(set_default_roles(make("mysql", ("DEFAULT", CLERK)), state)) == [note]


def test_roles_that_everybody_has_by_a_setting_are_said_once_and_granted_to_nobody() -> None:
    state = make("mysql", (MEMBER, CLERK), ("MANDATORY", CLERK), (MEMBER, STAFF))
    (note,) = list_mandatory([state, state])
    assert note.startswith("-- ")
    assert "mandatory_roles" in note
    assert "'clerk'@'%'" in note
    assert "'staff'" not in note
    assert list_mandatory([make("mysql", (MEMBER, STAFF))]) == []


@pytest.mark.parametrize(
    ("flavour", "attributes", "clause"),
    [
        ("mysql", {"plugin": "auth_socket", "has_password": False}, ["IDENTIFIED WITH 'auth_socket'"]),
        ("mysql", {"has_password": False}, []),
        ("mariadb", {"other_plugins": ["unix_socket"], "has_password": False}, ["IDENTIFIED VIA 'unix_socket'"]),
        (
            "mariadb",
            {"plugin": "pam", "other_plugins": ["unix_socket"], "has_password": False},
            ["IDENTIFIED VIA 'unix_socket' OR 'pam'"],
        ),
    ],
)
def test_a_login_without_a_password_is_made_as_it_was(
    flavour: Flavour, attributes: dict[str, Json], clause: list[str]
) -> None:
    assert build_authentication(attributes, flavour) == clause
    assert not is_guarded(attributes, flavour)
