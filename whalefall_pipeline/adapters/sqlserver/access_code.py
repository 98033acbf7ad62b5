"""Modules with EXECUTE AS: who may run them, and whom they run as. Pure.

Source, Microsoft Learn, "EXECUTE AS Clause (Transact-SQL)": the caller needs EXECUTE on the module and nothing else;
inside of it the permissions are those of the user that it names, in its database.
"""

from collections.abc import Collection, Iterator

from whalefall_pipeline.adapters.sqlserver.access_permissions import find_covers, to_plain
from whalefall_pipeline.adapters.sqlserver.access_principals import Principals, find_user
from whalefall_pipeline.adapters.sqlserver.securables import EXECUTE_AS, OWNER
from whalefall_pipeline.core.access.model import Code, Population, Question
from whalefall_pipeline.core.model import Held, Securable
from whalefall_pipeline.core.states import find_held

CODE_SCOPES = ("routine", "schema")
"""What EXECUTE may be held on, beside the database and the server."""


def find_code(population: Population, question: Question, reached: Collection[str]) -> Iterator[Code]:
    """Yield the modules of the question's database that one of these may run, with whom they run as."""
    database = question.securable.database
    modules = find_held(population.accounts, lambda item: _is_module(item, database))
    if not modules:
        return
    principals = Principals(population)
    granted = _find_granted(population, reached)
    for owner, state in population.accounts.items():
        for item in sorted(state.held & modules):
            if _may_run(item.securable, granted):
                place = principals.list_places(owner, database)[-1]
                yield Code(f"{item.securable}, which runs as {owner},", place)


def _is_module(item: Held, database: str) -> bool:
    return item.privilege == EXECUTE_AS and item.securable.scope == "routine" and item.securable.database == database


def _find_granted(population: Population, reached: Collection[str]) -> set[tuple[str, Securable]]:
    """Return what was granted to these, and what they own; of a user that one acts as, in its database."""
    granted: set[tuple[str, Securable]] = set()
    for name in reached:
        user = find_user(name)
        state = population.accounts.get(user[1] if user else name)
        for item in state.held if state else ():
            if item.effect == "grant" and (user is None or item.securable.database == user[0]):
                granted.add((item.privilege, to_plain(item.securable)))
    return granted


def _may_run(module: Securable, granted: Collection[tuple[str, Securable]]) -> bool:
    return any(
        (privilege, cover.securable) in granted
        for cover in find_covers(Question("EXECUTE", module))
        for privilege in (*cover.privileges, OWNER)
    )
