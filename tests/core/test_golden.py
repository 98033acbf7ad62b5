"""What documents are built of the same accounts changes only with a version, raised by hand: all fleets write again."""

import pytest

from tests.core.golden import build_documents, read_fixture, to_versions
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.documents import to_code

HOW = "raise BUILDER_VERSION or the version of the engine's rules, then: python -m tests.core.golden"


@pytest.mark.parametrize("db_type", list(ADAPTERS))
def test_other_documents_have_another_version(db_type: str) -> None:
    fixture = read_fixture(db_type)
    built, versions = build_documents(db_type, fixture), to_versions(db_type)
    if fixture["versions"] == versions:
        assert built == fixture["documents"], HOW
    else:
        assert built != fixture["documents"], "a version was raised and no document differs: is the fixture too small?"
        pytest.fail("the documents are of other versions; write them again: python -m tests.core.golden")


@pytest.mark.parametrize("db_type", list(ADAPTERS))
def test_the_rules_version_is_in_what_makes_a_document_stale(db_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = ADAPTERS[db_type].rules
    before = to_code(rules)
    monkeypatch.setattr(type(rules), "version", rules.version + 1)
    assert to_code(rules) != before
    assert len({to_code(engine.rules) for engine in ADAPTERS.values()}) == len(ADAPTERS)
