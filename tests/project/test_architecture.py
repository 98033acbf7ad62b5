"""The picture in docs/architecture.md is that of the code, and the page names every part of it."""

from tests.project.architecture import PAGE, build_picture, list_uses, reach, read_picture


def test_the_picture_is_that_of_the_code() -> None:
    assert read_picture() == build_picture(), "draw it again: make architecture"


def test_no_part_uses_itself_by_way_of_others() -> None:
    uses = list_uses()
    assert [part for part in uses if part in reach(part, uses)] == []


def test_the_page_names_what_the_picture_shows() -> None:
    text = PAGE.read_text(encoding="utf-8")
    folders = {line.split('"')[1].split("/")[0] for line in build_picture().splitlines() if '"' in line}
    assert not [folder for folder in folders - {"settings", "sql", "system"} if f"`{folder}" not in text]
