"""A server, and a role on it that has nothing and tries to become more."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
import pytest

from tests.engines.postgresql import PostgresqlEngine
from tests.engines.reading import read
from whalefall_pipeline.adapters.postgresql.access import ACCESS
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.escalate import find_escalations
from whalefall_pipeline.core.access.model import Answer, Escalation, Population, Question

MALLORY = "wf_mallory"
BOSS = "wf_boss"
PASSWORD = "never-a-secret"
AS_INVOKER = "LANGUAGE plpgsql AS $$ BEGIN {} END $$"
MARK = "INSERT INTO wf_seen VALUES (current_user::text); RETURN NEW;"


@dataclass
class Stage:
    """A server, and a role that tries."""

    version: int
    engine: PostgresqlEngine
    admin: psycopg.Connection

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.admin.execute(statement.encode())

    def run_as(self, role: str, *statements: str) -> None:
        with self.admin.transaction():
            self.admin.execute(f"SET LOCAL SESSION AUTHORIZATION {role}".encode())
            self.run(*statements, "RESET ROLE")

    def read_value(self, query: str) -> object:
        ((value,),) = self.admin.execute(query.encode()).fetchall()
        return value

    def find(self, username: str = MALLORY) -> list[Escalation]:
        population = Population(read(self.engine).states, version=f"PostgreSQL {self.version}.1")
        return [way for way in find_escalations(ACCESS, population).ways if way.username == username]

    def decide(self, question: Question) -> Answer:
        population = Population(read(self.engine).states, version=f"PostgreSQL {self.version}.1")
        return Decider(ACCESS, population).decide(MALLORY, question, every_path=True)

    def is_superuser(self, username: str = MALLORY) -> bool:
        return bool(self.read_value(f"SELECT rolsuper FROM pg_roles WHERE rolname = '{username}'"))


def list_words(ways: Sequence[Escalation]) -> list[str]:
    return [str(way) for way in ways]


def is_refused(stage: Stage, *statements: str) -> bool:
    """Whether the server lets the role do none of these: each is tried by itself."""
    for statement in statements:
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectInUse)):
            stage.run_as(MALLORY, statement)
    return True
