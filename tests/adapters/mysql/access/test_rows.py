"""Names, patterns and hosts, as far as no server is needed."""

import pytest

from whalefall_pipeline.adapters.mysql.access import ACCESS
from whalefall_pipeline.adapters.mysql.access_rows import Naming, covers
from whalefall_pipeline.adapters.mysql.names import Flavour
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import Population, Question, Verdict
from whalefall_pipeline.core.model import Account, AccountState, Grant, Json, Kind, Securable, Seen, Unseen


@pytest.mark.parametrize(
    ("wider", "host"),
    [
        ("%", "anything"),
        ("LOCALHOST", "localhost"),
        ("10.%", "10.1.%"),
        ("%.example.com", "db.example.com"),
        ("10.0.0._", "10.0.0.7"),
        ("10.0.0.0/255.255.255.0", "10.0.0.7"),
        ("10.0.0.0/255.255.0.0", "10.0.3.%"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/255.255.255.0"),
        ("10.%", "10.0.0.0/255.255.0.0"),
        ("10.0.0.%", "10.0.0.64/255.255.255.192"),
        ("1%", "10.0.0.0/255.0.0.0"),
        ("10.%", "10.0.7.0/255.0.255.0"),
    ],
)
@pytest.mark.parametrize("flavour", ["mysql", "mariadb"])
def test_a_host_covers_a_narrower_one(wider: str, host: str, flavour: Flavour) -> None:
    assert covers(wider, host, flavour)
    assert wider.lower() == host or not covers(host, wider, flavour)


@pytest.mark.parametrize(
    ("wider", "host"),
    [
        ("10.0.0.0/16", "10.0.3.%"),
        ("10.0.0.0/8", "10.0.0.0/255.255.255.0"),
        ("10.0.0.0/255.255.255.0", "10.0.0.64/26"),
        ("10.0.0.7", "10.0.0.7/32"),
    ],
)
def test_a_mask_in_bits_is_one_to_mysql_only(wider: str, host: str) -> None:
    assert covers(wider, host, "mysql")
    assert not covers(wider, host, "mariadb")


@pytest.mark.parametrize(
    ("wider", "host"),
    [
        ("localhost", "%"),
        ("10.0.0._", "10.0.0.%"),
        ("10.0.0.0/255.255.255.0", "10.0.%"),
        ("10.0.0.0/255.255.255.0", "db.example.com"),
        ("10.0.0.0/24", "nonsense/24"),
        ("10.0.0.0/24", "10.0.0.0/8"),
        ("10.0.0.0/24", "10.0.1.0/26"),
        ("10.0.%", "10.0.0.0/255.0.0.0"),
        ("10.0.0.%", "10.0.0.0/255.255.0.0"),
        ("10.0.0.1/24", "10.0.0.1"),  # such an account lets nobody in: tried
        ("10.0.0.0/99", "10.0.0.1"),
        ("10.7.%", "10.0.7.0/255.0.255.0"),  # a mask may have gaps
        ("10.7.%", "10.5.7.0/255.0.255.0"),
        ("a%", "%a"),
    ],
)
@pytest.mark.parametrize("flavour", ["mysql", "mariadb"])
def test_a_host_does_not_cover_what_may_come_from_elsewhere(wider: str, host: str, flavour: Flavour) -> None:
    assert not covers(wider, host, flavour)


def test_names_are_compared_as_the_server_is_set_to() -> None:
    assert Naming().means(r"sh\_a", "sh_a")
    assert Naming().means("sh%", "sh_a")
    assert not Naming().means("SH%", "sh_a")
    assert Naming(lower=True).means("SH%", "sh_a")
    assert not Naming(are_patterns=False).means(r"sh\_a", "sh_a")


def test_names_without_a_kind_are_a_database_a_table_or_a_column() -> None:
    routine = Securable("procedure", "shop", "", "t")
    assert ACCESS.find_targets(None, ["shop"], []) == [Securable("database", "shop")]
    assert ACCESS.find_targets(None, ["shop", "t"], [routine]) == [Securable("table", "shop", "", "t"), routine]
    assert ACCESS.find_targets("procedure", ["shop", "p"], []) == [Securable("procedure", "shop", "", "p")]
    assert ACCESS.find_targets("column", ["shop", "t", "id"], []) == [Securable("column", "shop", "", "t", "id")]
    assert not ACCESS.find_targets("table", ["shop"], [])
    assert not ACCESS.find_targets(None, ["a", "b", "c", "d"], [])


READ = Question("SELECT", Securable("table", "Shop", "", "Orders"))


def decide_on(attributes: dict[str, Json], *grants: Grant, unseen: str = "", version: str = "MySQL 9.7.4") -> Verdict:
    account = Account("ann@%", Kind.USER, {"flavour": "mysql"})
    missing = {unseen: Unseen(unseen, Seen.DENIED, "no SELECT", None)} if unseen else {}
    state = AccountState.of(account, grants)
    population = Population({"ann@%": state}, unseen=missing, attributes=attributes, version=version)
    return Decider(ACCESS, population).decide("ann@%", READ).verdict


def test_names_of_tables_have_no_case_where_the_server_has_none() -> None:
    grant = Grant("ann@%", "SELECT", Securable("table", "shop", "", "orders"))
    assert decide_on({"lower_case_table_names": 0}, grant) is Verdict.NO
    assert decide_on({"lower_case_table_names": 1}, grant) is Verdict.YES


def test_mandatory_roles_are_a_step_before_mysql_9() -> None:
    member = {"mandatory_roles": "readers"}
    readers = AccountState.of(
        Account("readers@%", Kind.ROLE), [Grant("readers@%", "SELECT", Securable("database", "Shop"))]
    )
    ann = AccountState(Account("ann@%", Kind.USER, {"flavour": "mysql"}))
    for version, verdict in (("MySQL 8.4.3", Verdict.AFTER_STEP), ("MySQL 9.7.4", Verdict.YES)):
        population = Population({"ann@%": ann, "readers@%": readers}, attributes=dict(member), version=version)
        assert Decider(ACCESS, population).decide("ann@%", READ).verdict is verdict


def test_a_no_needs_all_that_could_hold_a_yes() -> None:
    assert decide_on({"mandatory_roles": ""}) is Verdict.NO
    assert decide_on({}) is Verdict.UNKNOWN
    for scope in ("server", "databases", "tables", "roles"):
        assert decide_on({"mandatory_roles": ""}, unseen=scope) is Verdict.UNKNOWN
    for scope in ("routines", "definers"):
        assert decide_on({"mandatory_roles": ""}, unseen=scope) is Verdict.NO
