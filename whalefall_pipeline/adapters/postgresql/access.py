"""Who can do what on PostgreSQL 14 and later: own privileges, inherited and PUBLIC's, owners, superusers, SET ROLE.

The server's `has_*_privilege` and `pg_has_role` are the judges. What PostgreSQL gives on its own objects by itself (in
`pg_catalog`, `information_schema`, and for its own languages) is not collected: there nothing is ever said to be a no.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from whalefall_pipeline.adapters.postgresql.access_dangers import DANGEROUS, find_dangers
from whalefall_pipeline.adapters.postgresql.access_gates import build_gate_questions, build_gates, list_gate_grants
from whalefall_pipeline.adapters.postgresql.access_links import DATABASE_OWNER, PostgresqlLinks, is_superuser
from whalefall_pipeline.adapters.postgresql.access_sources import Asked, build_sources, is_row_type_scope
from whalefall_pipeline.adapters.postgresql.rules import DATABASE, RULES
from whalefall_pipeline.core.access.engine import Access, FindGates
from whalefall_pipeline.core.access.graph import Links
from whalefall_pipeline.core.access.model import (
    Danger,
    GateQuestion,
    Link,
    Population,
    Question,
    Seeds,
    Sought,
    Source,
    Wanted,
)
from whalefall_pipeline.core.model import MEMBER, SERVER, AccountState, Securable

OWNER = "OWNER"
MAINTAIN = "MAINTAIN"
MAINTAIN_SINCE = 17
"""The major version that brought it; on older ones nobody has it, superusers neither."""
DATABASE_OWNERS = Wanted(DATABASE, privilege=OWNER)
"""They are the members of pg_database_owner, each in its database."""

PRIVILEGES: Mapping[str, tuple[str, ...]] = {
    "role": (MEMBER,),
    DATABASE: ("CREATE", "CONNECT", "TEMPORARY", OWNER),
    "tablespace": ("CREATE", OWNER),
    "parameter": ("SET", "ALTER SYSTEM"),
    "schema": ("CREATE", "USAGE", OWNER),
    "table": (
        *("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", MAINTAIN),
        OWNER,
    ),
    "column": ("SELECT", "INSERT", "UPDATE", "REFERENCES"),
    "sequence": ("USAGE", "SELECT", "UPDATE", OWNER),
    "routine": ("EXECUTE", OWNER),
    "type": ("USAGE", OWNER),
    "language": ("USAGE", OWNER),
    "foreign_data_wrapper": ("USAGE", OWNER),
    "foreign_server": ("USAGE", OWNER),
    "large_object": ("SELECT", "UPDATE", OWNER),
}
NOT_COLLECTED = "what PostgreSQL gives on its own objects by itself"


class PostgresqlAccess(Access):
    """See `core.access.engine.Access`."""

    rules = RULES

    def find_targets(self, kind: str | None, path: Sequence[str], known: Iterable[Securable]) -> Sequence[Securable]:
        """Return the known objects whose names end so; a routine may be named without its argument types.

        A role is always what its name says, and a column is one of each known table that is named before it.
        """
        if kind == "role":
            return [Securable("role", object=path[0])] if len(path) == 1 else []
        if kind == "column":
            tables = {item._replace(scope="table", column="") for item in known if item.scope in ("table", "column")}
            found = {table for table in tables if _ends_so(table, path[:-1])} if len(path) > 1 else set[Securable]()
            return sorted(table._replace(scope="column", column=path[-1]) for table in found)
        scopes = PRIVILEGES.keys() - {"column", "role"} if kind is None else {kind} & PRIVILEGES.keys()
        return sorted({item for item in known if item.scope in scopes and _ends_so(item, path)})

    def list_privileges(self, securable: Securable, version: str = "") -> Sequence[str]:
        """See `Access.list_privileges`."""
        names = PRIVILEGES.get(securable.scope, ())
        return [name for name in names if name != MAINTAIN] if _is_before_maintain(version) else names

    def find_wanted(self, question: Question) -> Sequence[Wanted]:
        """See `Access.find_wanted`."""
        asked = [question, *(gate.question for gate in self.find_gate_questions(question))]
        grants = [Wanted(*each) for one in asked for each in _list_bearing(one.securable)]
        if question.securable.scope == "table":
            grants.append(Wanted("column", *question.securable[1:4]))  # for who has it on some columns only
        return [DATABASE_OWNERS, *dict.fromkeys((*grants, *list_gate_grants(question)))]

    def find_seeds(self, question: Question) -> Seeds | None:
        """See `Access.find_seeds`; on what databases share, the owner of any may have it by pg_database_owner."""
        privilege, securable = question
        if not securable.database or securable.scope == DATABASE:
            return None
        on = _list_bearing(securable)
        grants = [Sought(each, *one[:4]) for one in on for each in dict.fromkeys((privilege, OWNER))]
        owners = Sought(OWNER, DATABASE, securable.database)
        usernames = (*Asked.of(question).predefined, DATABASE_OWNER)
        return Seeds((*grants, owners), ("rolsuper", "rolcreaterole"), usernames)

    def is_bounded(self, state: AccountState) -> bool:
        """See `Access.is_bounded`: not so with CREATEROLE before 16, and of a database's owner."""
        if is_superuser(state) or state.account.attributes.get("rolcreaterole"):
            return False
        return not any(item.privilege == OWNER and item.securable.scope == DATABASE for item in state.held)

    def find_links(self, population: Population) -> Iterable[Link]:
        """See `Access.find_links`."""
        links = PostgresqlLinks(population)
        return (link for name in (*population.accounts, *links.others) for link in links.list_links(name))

    def open_links(self, population: Population) -> Links:
        """See `Access.open_links`."""
        return PostgresqlLinks(population)

    def find_sources(self, population: Population, question: Question, usernames: Collection[str]) -> Iterable[Source]:
        """See `Access.find_sources`."""
        if question.privilege == MAINTAIN and _is_before_maintain(population.version):
            return []
        return build_sources(population, Asked.of(question), usernames)

    def find_gate_questions(self, question: Question) -> Sequence[GateQuestion]:
        """See `Access.find_gate_questions`: CONNECT by who logs in, USAGE on the schema by who acts."""
        return build_gate_questions(question)

    def prepare_gates(self, population: Population, question: Question) -> FindGates:
        """See `Access.prepare_gates`: the login, and row-level security."""
        return build_gates(population, question)

    def find_unseen(self, population: Population, question: Question | None) -> Sequence[str]:
        """See `Access.find_unseen`: memberships stand in the server's catalog, objects in their database's."""
        if question is None:
            return sorted(population.unseen)
        _, securable = question
        scopes = {SERVER, RULES.observed_by(securable.scope, securable.database)}
        unseen = sorted(scopes & population.unseen.keys())
        return [*unseen, NOT_COLLECTED] if Asked.of(question).is_system else unseen

    def find_dangerous(self) -> Sequence[Wanted]:
        """See `Access.find_dangerous`."""
        return [DATABASE_OWNERS, *DANGEROUS]

    def find_dangers(self, population: Population) -> Iterable[Danger]:
        """See `Access.find_dangers`."""
        return find_dangers(population)


def _list_bearing(securable: Securable) -> list[Securable]:
    """Return what a privilege may be held on to give one on a securable."""
    bearing = [securable]
    if securable.scope == "column" or is_row_type_scope(securable.scope):
        bearing.append(securable._replace(scope="table", column=""))
    return bearing


def _is_before_maintain(version: str) -> bool:
    return 0 < _find_major(version) < MAINTAIN_SINCE


def _find_major(version: str) -> int:
    """Return the major version of `PostgreSQL 16.4`; 0: not known."""
    number = version.rpartition(" ")[2].partition(".")[0]
    return int(number) if number.isascii() and number.isdigit() else 0


def _ends_so(securable: Securable, path: Sequence[str]) -> bool:
    *before, name = [part for part in securable[1:] if part] or [""]
    if not path or list(path[:-1]) != before[len(before) - len(path) + 1 :] or len(path) > len(before) + 1:
        return False
    return name == path[-1] or (securable.scope == "routine" and name.startswith(f"{path[-1]}("))


ACCESS = PostgresqlAccess()
