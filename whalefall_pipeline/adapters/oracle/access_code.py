"""Stored code that runs with its owner's rights: who may run it, and whose rights these are. Pure.

Source: Database Security Guide, "Managing Security for Definer's Rights and Invoker's Rights": who runs a definer's
rights procedure needs EXECUTE on it and nothing else; its owner's own privileges count inside, and no roles. These are
counted here all the same, so that some code is named that can't do it.
"""

from collections.abc import Collection, Iterator

from whalefall_pipeline.adapters.oracle.access_links import find_proxied
from whalefall_pipeline.adapters.oracle.access_privileges import ANY
from whalefall_pipeline.adapters.oracle.rules import DEFINER
from whalefall_pipeline.core.access.model import Code, Population, Question, Wanted
from whalefall_pipeline.core.model import Held, Securable
from whalefall_pipeline.core.states import find_held

EXECUTE = "EXECUTE"
CODE_SCOPES = ("function", "package", "procedure", "type")
GRANTING = ("GRANT ANY OBJECT PRIVILEGE",)
"""What lets one grant oneself EXECUTE."""
WANTED = (Wanted(DEFINER), *(Wanted(scope, privilege=EXECUTE) for scope in CODE_SCOPES))


def find_code(population: Population, question: Question, reached: Collection[str]) -> Iterator[Code]:
    """Yield the code of the question's container that one of these may run, with whose rights it runs."""
    database = question.securable.database
    code = find_held(population.accounts, lambda item: _is_code(item, database))
    if not code:
        return
    held = frozenset[Held]().union(
        *(population.accounts[name].held for name in map(find_proxied, reached) if name in population.accounts)
    )
    granted = {(item.privilege, item.securable) for item in held if item.effect == "grant"}
    for owner, state in population.accounts.items():
        for item in sorted(state.held & code):
            if _may_run(item, granted):
                yield Code(f"{_to_object(item)}, which runs with the rights of {owner},", owner)


def _is_code(item: Held, database: str) -> bool:
    return item.securable.scope == DEFINER and database in ("", item.securable.database)


def _to_object(item: Held) -> Securable:
    """Return the code as privileges are held on it; its type is the privilege of the mark."""
    return item.securable._replace(scope=item.privilege.lower())


def _may_run(item: Held, granted: Collection[tuple[str, Securable]]) -> bool:
    code = _to_object(item)
    wider = ANY.get(code.scope, {}).get(EXECUTE, ())
    around = [Securable("server")]
    for database in ("", code.database):  # what was granted commonly names no container
        if (EXECUTE, code._replace(database=database)) in granted:
            return True
        if any((privilege, Securable("schema", database, code.schema)) in granted for privilege in wider):
            return True
        around.append(Securable("database", database))
    return any((privilege, place) in granted for privilege in (*wider, *GRANTING) for place in around)
