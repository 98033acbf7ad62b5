"""Accounts as a ledger holds them, loaded by what a question needs and in whole: both must answer alike."""

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import orjson
import psycopg
from hypothesis import HealthCheck
from hypothesis import strategies as st

from tests.conftest import making_ledger
from tests.ledger.granting import grant
from tests.servers.postgresql import PostgresqlServer
from whalefall_pipeline.cli.asking import Case, find_wanted, load_cases
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.engine import Access
from whalefall_pipeline.core.access.model import Answer, Population, Question
from whalefall_pipeline.core.model import AccountState, Held
from whalefall_pipeline.ledger.access import read_asked, read_populations
from whalefall_pipeline.ledger.reader import Reader, reading

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
"""What is not looked at where an example is written to a ledger."""
MAPPED = "MAPPED"
INSTANCE = """
with made as (
  insert into instances (name, db_type, host, port, permissions_read_at, server_version)
  values (%(name)s, %(db_type)s, 'localhost', 1, now(), %(version)s) returning id
), attributes as (
  insert into instance_attributes select id, cast(%(attributes)s as jsonb), now() from made
)
select id from made
"""
ACCOUNTS = """
with made as (
  insert into instance_accounts (instance_id, username, db_type, kind, created_at, updated_at)
  select %(instance)s, a.username, '', a.kind, now(), now()
  from unnest(%(usernames)s::text[], %(kinds)s::text[]) as a (username, kind) returning id, username, kind
)
insert into account_attributes (instance_account_id, instance_id, kind, attributes, valid_from)
select m.id, %(instance)s, m.kind, cast(a.attributes as jsonb), now()
from made m join unnest(%(usernames)s::text[], %(attributes)s::text[]) as a (username, attributes) using (username)
"""
GIVEN = """
create temporary table given (
  instance_id bigint, username text, privilege text, effect text, grant_option boolean, scope text, database_name text,
  schema_name text, object_name text, column_name text
) on commit drop
"""
ROWS = """
select a.id, a.instance_id, g.privilege, g.effect, g.grant_option, g.scope, g.database_name, g.schema_name,
       g.object_name, g.column_name, now(), cast(null as timestamptz)
from given g join instance_accounts a on a.instance_id = g.instance_id and a.username = g.username
"""


@dataclass
class Seeded:
    """A ledger of its own; `narrowed` counts the questions for which few of the accounts were loaded."""

    url: str
    narrowed: int = 0
    _written: int = 0

    def check(self, population: Population, access: Access, questions: Iterable[Question]) -> None:
        """Write a population as an instance, and ask of what is loaded by seeds what is asked of the whole."""
        name = self._write(population, access.rules.db_type)
        with reading(self.url) as reader:
            for question in questions:
                self._compare(reader, name, access, question)

    def _compare(self, reader: Reader, name: str, access: Access, question: Question) -> None:
        (asked,) = read_asked(reader, name)
        case = Case(asked, access, [question])
        ((_, narrow),) = load_cases(reader, [case], None)
        whole = read_populations(reader, [asked], find_wanted([case]))[asked.id]
        answers = Decider(access, whole).find_who_can(question)
        assert Decider(access, narrow).find_who_can(question) == answers, question
        first = Decider(access, narrow).find_who_can(question, first_only=True)
        assert first == list(map(_to_first, answers)), question
        self._compare_one(reader, case, whole)
        self.narrowed += len(narrow.accounts) < len(whole.accounts)

    def _compare_one(self, reader: Reader, case: Case, whole: Population) -> None:
        """Decide on one account that can't, which is loaded beside those that may."""
        (question,) = case.questions
        able = {answer.username for answer in Decider(case.access, whole).find_who_can(question)}
        username = min(whole.accounts.keys() - able, default=min(whole.accounts))
        ((_, narrow),) = load_cases(reader, [case], None, also=username)
        answers = [Decider(case.access, each).decide(username, question) for each in (narrow, whole)]
        assert answers[0]._replace(nearest="") == answers[1]._replace(nearest=""), question

    def _write(self, population: Population, db_type: str) -> str:
        self._written += 1
        name = f"instance {self._written}"
        states = list(population.accounts.values())
        with psycopg.connect(self.url) as connection:
            values = {"attributes": _dump(population.attributes), "version": population.version}
            row = connection.execute(INSTANCE.encode(), {"name": name, "db_type": db_type, **values}).fetchone()
            assert row is not None
            accounts = [state.account for state in states]
            columns = {
                "usernames": [account.username for account in accounts],
                "kinds": [account.kind.value for account in accounts],
                "attributes": [_dump(account.attributes) for account in accounts],
            }
            connection.execute(ACCOUNTS.encode(), {"instance": row[0], **columns})
            connection.execute(GIVEN.encode())
            with connection.cursor() as cursor, cursor.copy("copy given from stdin") as copy:
                for state in states:
                    for privilege, securable, option, effect in state.held:
                        copy.write_row((row[0], state.account.username, privilege, effect, option, *securable))
            connection.execute(grant(ROWS).encode())
        return name


@contextmanager
def making_seeded(server: PostgresqlServer) -> Generator[Seeded]:
    with making_ledger(server) as url:
        yield Seeded(url.replace("postgresql+psycopg:", "postgresql:"))


def _dump(value: object) -> str:
    return orjson.dumps(value).decode()


def _to_first(answer: Answer) -> Answer:
    return answer._replace(paths=answer.paths[:1], complete=False)


@st.composite
def shuffled(draw: st.DrawFn, populations: Sequence[Population], most: int) -> Population:
    """Draw who holds what again: some accounts, each with little of all that any account holds on any of these.

    Which user of a database a login is (`MAPPED`) says who it is, and goes to nobody else.
    """
    base = draw(st.sampled_from(populations))
    everything = {item for each in populations for state in each.accounts.values() for item in state.held}
    pool: list[Held] = sorted(item for item in everything if item.privilege != MAPPED)
    names = draw(st.lists(st.sampled_from(sorted(base.accounts)), min_size=1, max_size=most, unique=True))
    states: dict[str, AccountState] = {}
    for name in names:
        state = base.accounts[name]
        held = draw(st.frozensets(st.sampled_from(pool), max_size=3))
        keeps_all = draw(st.booleans())
        kept = frozenset(item for item in state.held if keeps_all or item.privilege == MAPPED)
        states[name] = replace(state, held=held | kept)
    return replace(base, accounts=states)
