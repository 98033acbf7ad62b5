"""A page in a real browser: the rules of accessibility find nothing, and nothing is asked of any network."""

from importlib import resources
from pathlib import Path

from tests.reports.test_package import GAPS, build_page
from tests.servers.browser import open_browser
from whalefall_pipeline.reports.html import render_html
from whalefall_pipeline.reports.page import Chart, Page, Point, Table

RULES = resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
ASK = """axe.run(document).then(found => JSON.stringify(found.violations.map(rule =>
  [rule.id, rule.nodes.map(node => node.html)])))"""
LOADED = "JSON.stringify(performance.getEntriesByType('resource').map(entry => entry.name))"
LINE = Chart("Over time", "accounts", [Point("2026-01-01", 3), Point("2026-01-08", 0), Point("2026-01-15", 12)], True)
EMPTY = Table("Empty", "Nothing", ("instance", "what"), [])


def test_axe_finds_nothing_and_nothing_is_loaded(tmp_path: Path) -> None:
    review = build_page(*GAPS)
    other = Page("Fleet", "All of it", [("Instances", "2")], EMPTY, [LINE, Chart("None", "things", [])], [EMPTY])
    with open_browser(tmp_path) as browser:
        for number, page in enumerate((review, other)):
            path = tmp_path / f"{number}.html"
            path.write_bytes(render_html(page))
            browser.go(path.as_uri())
            browser.wait_for_text(page.subtitle)
            browser.evaluate(f"{RULES}; null")
            assert browser.evaluate(ASK) == "[]"
            assert browser.evaluate(LOADED) == "[]"
            assert browser.evaluate("document.querySelectorAll('svg').length") == len(page.charts)
