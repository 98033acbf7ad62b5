"""Who can take over accounts that are no superusers: cases from the documentation, made on the stand-in."""

import pytest

from tests.adapters.sqlserver.conftest import Readings
from tests.adapters.sqlserver.documented import DATABASE
from tests.adapters.sqlserver.test_access import build, shop
from tests.engines.sqlserver import SqlserverEngine
from whalefall_pipeline.adapters.sqlserver.access import ACCESS
from whalefall_pipeline.adapters.sqlserver.fixed_roles import FIXED_SERVER_ROLES
from whalefall_pipeline.core.access.escalate import find_escalations

__all__ = ["shop"]

USE = f"USE [{DATABASE}]"
KIM = (USE, "CREATE USER [kim] WITH PASSWORD = 'a'")
ANY_LOGIN = "any SQL login that is no sysadmin and lacks CONTROL SERVER"
ANY_USER = f"any user of {DATABASE} with a password of its own"

TAKEN: dict[str, tuple[tuple[str, ...], set[tuple[str, str]]]] = {
    "a login": (("GRANT IMPERSONATE ON LOGIN::[ben] TO [eve]",), {("eve", "ben")}),
    "a login, by CONTROL": (("GRANT CONTROL ON LOGIN::[ben] TO [eve]",), {("eve", "ben")}),
    "a chain of logins": (
        ("GRANT IMPERSONATE ON LOGIN::[ben] TO [eve]", "GRANT IMPERSONATE ON LOGIN::[ann] TO [ben]"),
        {("eve", "ben"), ("eve", "ann"), ("ben", "ann")},
    ),
    "a login, by a role": (
        (
            "CREATE SERVER ROLE [ops]",
            "ALTER SERVER ROLE [ops] ADD MEMBER [eve]",
            "GRANT IMPERSONATE ON LOGIN::[ben] TO [ops]",
        ),
        {("eve", "ben"), ("ops", "ben")},
    ),
    "a role's right to itself": (
        (
            "CREATE SERVER ROLE [ops]",
            "ALTER SERVER ROLE [ops] ADD MEMBER [ben]",
            "GRANT IMPERSONATE ON LOGIN::[ben] TO [ops]",
        ),
        {("ops", "ben")},
    ),
    "a login, denied to the member": (
        (
            "CREATE SERVER ROLE [ops]",
            "ALTER SERVER ROLE [ops] ADD MEMBER [eve]",
            "GRANT IMPERSONATE ON LOGIN::[ben] TO [ops]",
            "DENY IMPERSONATE ON LOGIN::[ben] TO [eve]",
        ),
        {("ops", "ben")},
    ),
    "a user": ((USE, "GRANT IMPERSONATE ON USER::[ben] TO [ann]"), {("ann", f"[{DATABASE}].[ben]")}),
    "one's own user": (
        (USE, "ALTER ROLE [readers] ADD MEMBER [ben]", "GRANT IMPERSONATE ON USER::[ben] TO [readers]"),
        {(f"[{DATABASE}].[readers]", f"[{DATABASE}].[ben]")},
    ),
    "a chain of users": (
        (
            USE,
            "CREATE USER [zoe] WITHOUT LOGIN",
            "GRANT IMPERSONATE ON USER::[ben] TO [ann]",
            "GRANT IMPERSONATE ON USER::[zoe] TO [ben]",
        ),
        {
            ("ann", f"[{DATABASE}].[ben]"),
            ("ann", f"[{DATABASE}].[zoe]"),
            ("ben", f"[{DATABASE}].[zoe]"),
        },
    ),
    "all logins' passwords": (("GRANT ALTER ANY LOGIN TO [eve]",), {("eve", ANY_LOGIN)}),
    "all logins' passwords, by securityadmin, which is told as worse": (
        (
            "ALTER SERVER ROLE [securityadmin] ADD MEMBER [eve]",
            USE,
            "GRANT IMPERSONATE ON USER::[ben] TO [ann]",
        ),
        {("eve", f"[{DATABASE}].[ben]"), ("ann", f"[{DATABASE}].[ben]")},
    ),
    "contained users' passwords": ((*KIM, "GRANT ALTER ANY USER TO [ann]"), {("ann", ANY_USER)}),
    "contained users' passwords, by a fixed role": (
        (*KIM, "ALTER ROLE [db_accessadmin] ADD MEMBER [ann]"),
        {("ann", ANY_USER)},
    ),
    "ALTER ANY USER where no password is the database's": ((USE, "GRANT ALTER ANY USER TO [ann]"), set()),
    "who owns the database has its users anyway": ((*KIM, "ALTER ROLE [db_owner] ADD MEMBER [ann]"), set()),
    "nothing": ((), set()),
}


@pytest.mark.parametrize(("statements", "taken"), TAKEN.values(), ids=list(TAKEN))
def test_who_takes_over_whom(
    shop: SqlserverEngine, readings: Readings, statements: tuple[str, ...], taken: set[tuple[str, str]]
) -> None:
    population = build(shop, readings, statements)
    found = find_escalations(ACCESS, population)
    ways = {(way.username, way.danger.becomes) for way in found.ways if way.danger.becomes}
    assert {way for way in ways if way[0] not in FIXED_SERVER_ROLES} == taken


def test_a_superuser_is_told_as_one(shop: SqlserverEngine, readings: Readings) -> None:
    """IMPERSONATE on `sa` is a way to a superuser, and none to a mere account."""
    found = find_escalations(ACCESS, build(shop, readings, ("GRANT IMPERSONATE ON LOGIN::[sa] TO [eve]",)))
    assert {way.danger.becomes for way in found.ways if way.username == "eve"} == {""}
