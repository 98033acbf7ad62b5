"""What is typed is read in one way, or refused in one line: labels, moments, versions, questions, files."""

import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from openpyxl import Workbook

from whalefall_pipeline.cli.asking import Asking, parse_question
from whalefall_pipeline.cli.grants import print_grants
from whalefall_pipeline.cli.labels import choose_labelled, parse_labels
from whalefall_pipeline.cli.moments import format_moment, parse_expiry, parse_moment
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.review import ReviewRow
from whalefall_pipeline.reports import decisions


def test_labels_are_keys_with_values() -> None:
    assert parse_labels(["env=prod", "team=a=b", "note="]) == {"env": "prod", "team": "a=b", "note": ""}
    assert parse_labels(None) == {}


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("env", "--label takes KEY=VALUE, not 'env'"),
        ("=prod", "'' is no label"),
        ("a b=prod", "'a b' is no label"),
        ("env= prod", "the label env can't be ' prod'"),
        ("env=pr\nod", r"the label env can't be 'pr\\nod'"),
        (f"env={'x' * 201}", "the label env can't be 'xxx"),
    ],
)
def test_what_is_no_label_is_refused(label: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        parse_labels([label])


def test_labels_choose_the_instances_that_have_all_of_them_and_never_none() -> None:
    instances = {"one": {"env": "prod", "team": "a"}, "two": {"env": "prod"}, "three": dict[str, str]()}
    assert choose_labelled(instances, {"env": "prod"}) == ["one", "two"]
    assert choose_labelled(instances, {"env": "prod", "team": "a"}) == ["one"]
    with pytest.raises(InvalidInputError, match="no instance has the label env=test; there are env=prod, team=a"):
        choose_labelled(instances, {"env": "test"})
    with pytest.raises(InvalidInputError, match="no instance has the label env=test; none has any"):
        choose_labelled({"three": {}}, {"env": "test"})


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
        (" 2026-01-02T03:04 ", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),
        ("2026-01-02T03:04+02:00", datetime(2026, 1, 2, 1, 4, tzinfo=UTC)),
        ("2026-01-02 03:04:05 UTC", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ],
)
def test_a_moment_without_a_zone_is_in_utc(text: str, moment: datetime) -> None:
    assert parse_moment(text) == moment
    assert parse_moment(format_moment(moment)) == moment


def test_a_moment_may_be_so_long_ago_and_an_expiry_so_long_from_now() -> None:
    before = datetime.now(UTC)
    ago, ahead = parse_moment("2w"), parse_expiry("2w")
    after = datetime.now(UTC)
    assert before <= ago + timedelta(weeks=2) <= after
    assert before <= ahead - timedelta(weeks=2) <= after
    assert format_moment(None) == ""


@pytest.mark.parametrize("text", ["", "soon", "7", "7y", "99999999999w", "2026-13-01", "-7d"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    for parse in (parse_moment, parse_expiry):
        with pytest.raises(InvalidInputError, match="is no moment; write"):
            parse(text)


def test_nothing_is_known_of_what_is_to_come_and_nothing_ends_in_the_past() -> None:
    with pytest.raises(InvalidInputError, match="is still to come"):
        parse_moment("9999-01-01")
    with pytest.raises(InvalidInputError, match="is past"):
        parse_expiry("2001-01-01")


@pytest.mark.parametrize(
    ("version", "user", "said"),
    [
        ("8", " whalefall", "--user ' whalefall' is no login's name"),
        ("eight", "whalefall", "--version 'eight' is no version"),
        ("8.0.36-log", "whalefall", "--version '8.0.36-log' is no version"),
    ],
)
def test_a_script_is_printed_only_for_a_version_and_a_login_that_can_be(version: str, user: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        print_grants("mysql", version, user)


def test_a_script_for_an_engine_that_is_not_known_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="unknown database type 'db2'"):
        print_grants("db2")


def test_a_file_of_decisions_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "LARGEST", 1000)
    large, packed = tmp_path / "large.csv", tmp_path / "packed.xlsx"
    large.write_bytes(bytes(1001))
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(1001))
    for path, said in ((large, "has more than 1000 bytes"), (packed, "unpacks to more than 1000 bytes")):
        with pytest.raises(InvalidInputError, match=said):
            decisions.read_decisions(path)
    with pytest.raises(InvalidInputError, match="can't be read: No such file"):
        decisions.read_decisions(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("privilege", "words", "asking"),
    [
        ("select", ["on", "orders"], Asking("SELECT", None, ("orders",))),
        ("select", ["orders"], Asking("SELECT", None, ("orders",))),
        ("select", ["table", "shop.orders"], Asking("SELECT", "table", ("shop", "orders"))),
        ("select", ["column", "shop.orders.id"], Asking("SELECT", "column", ("shop", "orders", "id"))),
        ("alter", ["system", "on", "server"], Asking("ALTER SYSTEM", "server", ())),
        ("shutdown", ["SERVER"], Asking("SHUTDOWN", "server", ())),
    ],
)
def test_a_question_is_a_privilege_and_what_it_is_on(privilege: str, words: list[str], asking: Asking) -> None:
    assert parse_question(privilege, words, "usage") == asking


@pytest.mark.parametrize(
    ("privilege", "words", "said"),
    [
        ("", ["on", "orders"], "^say: usage$"),
        ("on", ["orders"], "^say: usage$"),
        ("select", [], "^say: usage$"),
        ("select", ["column", "id"], "'id' names no column"),
        ("select", ["blob", "x"], "'blob' is no kind of object; say: usage"),
        ("select", ["a", "b", "c"], "^say: usage, as ON "),
    ],
)
def test_what_is_no_question_is_refused_with_the_usage(privilege: str, words: list[str], said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        parse_question(privilege, words, "usage")


def test_decisions_are_looked_for_below_a_header_and_an_empty_row_is_none(tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    path.write_text("of Q4\nUsername,Instance,Decision,Note\n,,,\nana,one,keep\n")
    assert decisions.read_decisions(path) == [ReviewRow(4, "one", "ana", "keep", "")]
    path.write_text("username,decision\nana,keep\n")
    with pytest.raises(InvalidInputError, match="has no header with the columns instance, username, decision, note"):
        decisions.read_decisions(path)


def test_decisions_stand_on_any_sheet_of_a_workbook_that_has_the_header(tmp_path: Path) -> None:
    path, book = tmp_path / "decisions.xlsx", Workbook()
    book.create_sheet("second").append(["of Q4"])
    book.save(path)
    with pytest.raises(InvalidInputError, match="has no header with the columns"):
        decisions.read_decisions(path)
    for row in (["instance", "username", "decision", "note"], [None] * 4, ["one", "ana", "revoke", "left"]):
        book["second"].append(row)
    book.save(path)
    assert decisions.read_decisions(path) == [ReviewRow(4, "one", "ana", "revoke", "left")]


def test_a_script_is_for_the_version_that_is_named_and_for_the_newest_where_none_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    scripts: dict[str | None, str] = {}
    for version in ("8.0.11", "8.4", None):
        print_grants("mysql", version, "whalefall@%")
        scripts[version] = capsys.readouterr().out
    assert scripts["8.0.11"] != scripts["8.4"] == scripts[None]
