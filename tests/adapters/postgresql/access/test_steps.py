"""Steps are statements that the server takes as they are, whatever the names in them."""

import psycopg
import pytest

from tests.adapters.postgresql.access.climbing import MALLORY, Stage
from tests.engines.postgresql import DATABASE
from whalefall_pipeline.adapters.postgresql.access_links import to_grant_sql, to_password_sql
from whalefall_pipeline.adapters.postgresql.names import quote
from whalefall_pipeline.core.access.model import Question
from whalefall_pipeline.core.model import Securable

KEYWORDS = "SELECT string_agg(word, ' ') FROM pg_get_keywords() WHERE word <> 'none'"
ODD = ("plain", 'a"b', "line\nbreak", "\x1b[2J", "bi\u202edi", "back\\slash", "Upper", "né", "x%s; --")


def test_a_role_may_be_named_as_any_word_of_sql(stage: Stage) -> None:
    words = str(stage.read_value(KEYWORDS)).split()
    assert len(words) > 400
    for word in words:
        with stage.admin.transaction(force_rollback=True):
            stage.run(f"CREATE ROLE {quote(word)}", *to_grant_sql(word).split("; "))
            assert stage.read_value("SELECT current_user::text") == word
            stage.run("RESET ROLE", to_password_sql(word).partition(", ")[0])
            assert stage.read_value(f"SELECT rolcanlogin FROM pg_roles WHERE rolname = '{word}'") is True


def test_an_owner_grants_itself_a_column_of_any_name(stage: Stage) -> None:
    stage.run(f"CREATE TABLE den.odd ({', '.join(f'{quote(name)} int' for name in ODD)})")
    stage.run(f"ALTER TABLE den.odd OWNER TO {MALLORY}", f"REVOKE ALL ON den.odd FROM {MALLORY}")
    for name in ODD:
        answer = stage.decide(Question("SELECT", Securable("column", DATABASE, "den", "odd", name)))
        (path,) = answer.paths
        selected = f"SELECT {quote(name)} FROM den.odd"
        with stage.admin.transaction(force_rollback=True):
            stage.run_as(MALLORY, *path.steps, selected)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            stage.run_as(MALLORY, selected)
