"""Who can do what on the toy engine: own grants, those of roles, and ALL on the server."""

from collections.abc import Collection, Iterable, Sequence

from tests.engines.toy_adapter.rules import EVERYTHING, RULES
from whalefall_pipeline.core.access.engine import Access
from whalefall_pipeline.core.access.model import Danger, Link, Population, Question, Source, Wanted
from whalefall_pipeline.core.model import SERVER, Held, Securable
from whalefall_pipeline.core.states import find_held


class ToyAccess(Access):
    """See `core.access.engine.Access`."""

    rules = RULES

    def find_targets(self, kind: str | None, path: Sequence[str], known: Iterable[Securable]) -> Sequence[Securable]:
        """Return the table of this name: a name is all that a table has."""
        return [Securable("table", object=path[0])] if kind in (None, "table") and len(path) == 1 else []

    def list_privileges(self, securable: Securable, version: str = "") -> Sequence[str]:
        """See `Access.list_privileges`."""
        return ["READ", "WRITE"] if securable.scope == "table" else []

    def find_wanted(self, question: Question) -> Sequence[Wanted]:
        """See `Access.find_wanted`."""
        return [Wanted(SERVER), Wanted("table", object=question.securable.object)]

    def find_links(self, population: Population) -> Iterable[Link]:
        """See `Access.find_links`: a member has all that its role has."""
        for username, state in population.accounts.items():
            for item in state.held:
                if item.securable.scope == "role":
                    role, since = item.securable.object, population.find_since(username, item)
                    yield Link(username, role, f"member of {role}", held=item, since=since)

    def find_sources(self, population: Population, question: Question, usernames: Collection[str]) -> Iterable[Source]:
        """See `Access.find_sources`."""
        accounts = population.accounts

        def gives(item: Held) -> bool:
            return item == EVERYTHING or item[:2] == question

        wanted = find_held(accounts, gives)
        for username in usernames:
            if username in accounts:
                for item in accounts[username].held & wanted:
                    words = f"{item.privilege} on {item.securable}"
                    yield Source(username, words, held=item, since=population.find_since(username, item))

    def find_unseen(self, population: Population, question: Question | None) -> Sequence[str]:
        """See `Access.find_unseen`: all stands on the server."""
        return list(population.unseen)

    def find_dangerous(self) -> Sequence[Wanted]:
        """See `Access.find_dangerous`."""
        return [Wanted(SERVER)]

    def find_dangers(self, population: Population) -> Iterable[Danger]:
        """See `Access.find_dangers`: who has ALL."""
        for username, state in population.accounts.items():
            for item in state.held:
                if item == EVERYTHING:
                    yield Danger(username, "", 0, "ALL on the server", "", item, population.find_since(username, item))


ACCESS = ToyAccess()
