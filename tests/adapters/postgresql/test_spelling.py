"""Names and values in SQL mean themselves, whatever they hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whalefall_pipeline.adapters.postgresql.names import quote, split_list, split_routine, to_comment, to_connect
from whalefall_pipeline.adapters.postgresql.script import build_change, build_script
from whalefall_pipeline.core.model import Account, AccountState, Grant, Kind, Securable

NAMES = st.text("ab(\")., '\\", min_size=1, max_size=8)


@given(NAMES, st.lists(NAMES, max_size=3))
def test_a_routine_is_split_before_its_argument_types(name: str, types: list[str]) -> None:
    arguments = f"({', '.join(map(quote, types))})"
    assert split_routine(name + arguments) == (name, arguments)


@given(st.lists(NAMES, min_size=1, max_size=3))
def test_a_list_of_names_comes_apart_as_it_was_put_together(names: list[str]) -> None:
    assert list(split_list(", ".join(map(quote, names)))) == names


@given(st.text(max_size=20))
def test_a_comment_is_one_line(text: str) -> None:
    assert len(to_comment(text).splitlines()) == 1


def test_a_database_is_named_as_pg_dumpall_does() -> None:
    assert to_connect("shop") == '\\connect "shop"'
    assert to_connect("it's") == "\\connect -reuse-previous=on \"dbname='it\\'s'\""
    with pytest.raises(ValueError, match="line break"):
        to_connect("a\n\\! rm")


def test_what_psql_cannot_reach_is_left_out_whole() -> None:
    table = Securable("table", "line\nbreak", "public", "t")
    state = AccountState.of(Account("ada", Kind.USER), frozenset({Grant("ada", "SELECT", table)}))
    script = build_script({"ada": state})
    assert not any(line.startswith("GRANT") for line in script)
    assert any(line.startswith("--") and "left out" in line for line in script)
    assert all("\n" not in line for line in build_change(state, None))


def test_a_privilege_that_is_no_name_is_not_run() -> None:
    grant = Grant("ada", "SELECT ON x TO y; DROP ROLE z", Securable("schema", "shop", "app"))
    script = build_script({"ada": AccountState.of(Account("ada", Kind.USER), frozenset({grant}))})
    assert [line for line in script if "DROP ROLE" in line and not line.startswith("--")] == []
