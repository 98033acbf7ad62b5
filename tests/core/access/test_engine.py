"""What an engine is taken to have where it does not say: no denials, no code, no gates, and paths that end anywhere."""

from tests.engines.toy_adapter.access import ACCESS
from whalefall_pipeline.core.access.model import Acting, Population, Question, Source
from whalefall_pipeline.core.model import Account, AccountState, Kind, Securable

READ = Question("READ", Securable("table", object="orders"))
NOBODY = Population({})


def test_an_engine_that_does_not_say_has_no_denials_no_code_and_no_gates() -> None:
    sources = [Source("ana", "READ")]
    assert not ACCESS.has_denials
    assert not ACCESS.has_code
    assert ACCESS.keep_sources(NOBODY, {"ana"}, sources, READ) is sources
    assert list(ACCESS.find_code(NOBODY, READ, {"ana"})) == []
    assert list(ACCESS.find_gate_questions(READ)) == []
    assert list(ACCESS.prepare_gates(NOBODY, READ)(Acting("ana", "ana", lambda name: {name}))) == []


def test_an_engine_that_does_not_say_where_paths_end_needs_all_accounts() -> None:
    assert ACCESS.find_seeds(READ) is None
    assert ACCESS.may_narrow({}, ()) is True
    assert ACCESS.is_bounded(AccountState(Account("ana", Kind.USER))) is False
