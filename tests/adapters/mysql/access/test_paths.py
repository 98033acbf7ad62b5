"""Paths are all there is: cutting all of them takes the access away, cutting all but one does not. Unseen is no no."""

from collections.abc import Iterator

from tests.adapters.mysql.access.population import Login, build, list_logins
from tests.adapters.mysql.access.trying import TRIES, connect, decide_all, is_allowed, read_population
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.mysql.access import ACCESS
from whalefall_pipeline.adapters.mysql.access_sources import BY
from whalefall_pipeline.adapters.mysql.everybody import is_everybodys
from whalefall_pipeline.adapters.mysql.names import quote, quote_account, quote_text, to_address
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import Path, Population, Question, Verdict
from whalefall_pipeline.core.model import Held
from whalefall_pipeline.core.model import Login as Credentials

End = tuple[str, Held]
"""Whose row, and what it holds."""
TABLES = {
    "mysql": (
        "user", "global_grants", "db", "tables_priv", "columns_priv", "procs_priv", "proxies_priv", "role_edges",
        "default_roles",
    ),
    "mariadb": ("global_priv", "db", "tables_priv", "columns_priv", "procs_priv", "proxies_priv", "roles_mapping"),
}  # fmt: skip
"""The first holds the accounts, without which nothing is read."""


def to_end(path: Path) -> End:
    held = path.source.held
    assert held is not None
    _, by, giver = path.source.words.partition(BY)
    return (giver if by else path.source.holder), held


def to_statements(server: MysqlServer, end: End, *, back: bool) -> Iterator[str]:
    """Yield what takes a grant away, or gives it back."""
    giver, held = end
    scope, database, _, name, column = held.securable
    if is_everybodys(giver):
        host, name = (quote_text(part) for part in (to_address(giver).host, database))
        yield (
            f"INSERT INTO mysql.db (host, db, user, {held.privilege.lower()}_priv) VALUES ({host}, {name}, '', 'Y')"
            if back
            else f"DELETE FROM mysql.db WHERE user = '' AND host = {host} AND db = {name}"
        )
        yield "FLUSH PRIVILEGES"
        return
    words = f"{held.privilege} ({quote(column)})" if column else held.privilege
    on = {"server": "*.*", "database": f"{quote(database)}.*"}.get(scope, f"{quote(database)}.{quote(name)}")
    kind = f"{scope.upper()} " if scope in {"procedure", "function"} else ""
    verb, preposition = ("GRANT", "TO") if back else ("REVOKE", "FROM")
    yield f"{verb} {words} ON {kind}{on} {preposition} {quote_account(giver, server.flavour)}"


def is_possible(server: MysqlServer, login: Login, question: Question) -> bool:
    with connect(server, login) as cursor:
        return is_allowed(cursor, TRIES[question])


def test_the_paths_are_all_there_is(settable: MysqlServer) -> None:
    server = settable
    if server.flavour == "mysql":
        server.execute("SET GLOBAL partial_revokes = OFF")
    server.execute(*build(server.flavour))
    extra = Login("many", ["SELECT ON *.*", "SELECT ON `app%`.*", "SELECT ON appx.*", "SELECT ON appx.t"], "r_both!")
    server.execute("CREATE USER many", *(f"GRANT {grant} TO many" for grant in extra.grants), "GRANT r_both TO many")
    server.execute(f"SET DEFAULT ROLE r_both {'TO' if server.flavour == 'mysql' else 'FOR'} many")
    decider = Decider(ACCESS, read_population(server))
    cuts = [
        cut
        for login in [*list_logins()[::2], extra]
        for question in TRIES
        if question.securable.scope != "column" and (cut := find_cut(decider, login, question))
    ]
    assert len(cuts) > 60
    assert sum(len(ends) > 1 for _, _, ends in cuts) > 2
    for login, question, ends in cuts:
        for kept in (None, *(ends if len(ends) > 1 else ())):
            lost = [end for end in ends if end != kept]
            server.execute(*(text for end in lost for text in to_statements(server, end, back=False)))
            assert is_possible(server, login, question) is (kept is not None), (login, question, kept, ends)
            server.execute(*(text for end in lost for text in to_statements(server, end, back=True)))


def find_cut(decider: Decider, login: Login, question: Question) -> tuple[Login, Question, list[End]] | None:
    """Return what the paths without a step end in, where it is grants."""
    answer = decider.decide(login.username, question, every_path=True)
    paths = [path for path in answer.paths if not path.steps]
    if answer.verdict is not Verdict.YES or any(path.source.held is None for path in paths):
        return None
    return login, question, list(dict.fromkeys(map(to_end, paths)))


def test_a_table_that_was_not_seen_makes_no_no(settable: MysqlServer) -> None:
    server = settable
    server.execute(*build(server.flavour))
    whole = Decider(ACCESS, read_population(server))
    truths = {login.username: decide_all(whole, login.username) for login in list_logins()}
    for unseen in TABLES[server.flavour][1:]:
        seen = Decider(ACCESS, read_without(server, unseen))
        lost = 0
        for username, truth in truths.items():
            verdicts = decide_all(seen, username)
            refused = [question for question in TRIES if verdicts[question] is Verdict.NO]
            wrong = [question for question in refused if truth[question] is not Verdict.NO]
            assert not wrong, (unseen, username, wrong)
            lost += sum(verdicts[question] is Verdict.UNKNOWN for question in TRIES)
        assert lost or unseen in {"global_grants", "proxies_priv", "default_roles"}, unseen


def read_without(server: MysqlServer, unseen: str) -> Population:
    """Read as somebody who may see all tables but one."""
    tables = [name for name in TABLES[server.flavour] if name != unseen]
    server.execute("CREATE USER blind@localhost IDENTIFIED BY 'x'")
    server.execute(*(f"GRANT SELECT ON mysql.{name} TO blind@localhost" for name in tables))
    population = read_population(server, Credentials("blind", "x"))
    server.execute("DROP USER blind@localhost")
    assert population.unseen, unseen
    return population
