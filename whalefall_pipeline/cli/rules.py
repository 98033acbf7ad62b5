"""`whalefall rules`: the rules that findings are made by, one's own among them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.cli.arguments import complete_rule
from whalefall_pipeline.cli.output import print_line
from whalefall_pipeline.cli.rows import Format, FormatOption, LimitOption, RawOption, choose_limit, show_rows
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.findings.model import Rule
from whalefall_pipeline.settings import get_settings
from whalefall_pipeline.sync.rulebook import load_rulebook

if TYPE_CHECKING:
    from whalefall_pipeline.settings import Settings

COLUMNS = ("rule", "severity", "engines", "title")
MORE = ("why", "remedy", "references")


class Listed(NamedTuple):
    """A rule, and the engines whose instances it is asked of."""

    rule: Rule
    engines: tuple[str, ...]


def list_rules(settings: "Settings") -> list[Listed]:
    """Return all rules by id, those of the rules file among them. Raises InvalidInputError where that is not usable."""
    rulebook = load_rulebook(settings, ADAPTERS)
    engines: dict[str, list[str]] = {}
    rules: dict[str, Rule] = {}
    for db_type, adapter in ADAPTERS.items():
        for rule in rulebook.list_rules(db_type, adapter.findings):
            engines.setdefault(rule.id, []).append(db_type)
            rules[rule.id] = rule
    return [Listed(rules[name], tuple(engines[name])) for name in sorted(rules)]


def show_rules(
    rule: Annotated[str | None, typer.Argument(autocompletion=complete_rule, help="Show all of this one.")] = None,
    *,
    limit: LimitOption = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """List the rules that findings are made by, or show one.

    WHALEFALL_RULES names a YAML file with rules of your own, and with options of these.
    """
    listed = list_rules(get_settings())
    chosen = [item for item in listed if rule in (None, item.rule.id)]
    if not chosen:
        raise InvalidInputError(f"there is no rule {rule!r}; list them: whalefall rules")
    if rule and form is Format.TABLE:
        _show_one(chosen[0])
        return
    more = () if form is Format.TABLE else MORE
    show_rows(_to_rows(chosen), (*COLUMNS, *more), form, raw=raw, at_most=choose_limit(limit, form))


def _to_rows(listed: Sequence[Listed]) -> list[dict[str, Any]]:
    return [
        {
            "rule": item.rule.id,
            "severity": item.rule.severity.value,
            "engines": "all" if len(item.engines) == len(ADAPTERS) else ", ".join(item.engines),
            "title": item.rule.title,
            "why": item.rule.why,
            "remedy": item.rule.remedy,
            "references": list(item.rule.references),
        }
        for item in listed
    ]


def _show_one(item: Listed) -> None:
    rule = item.rule
    print_line(f"{rule.id}: {rule.title} ({rule.severity.value}; {', '.join(item.engines)})", "bold")
    print_line(f"Why: {rule.why}")
    print_line(f"What to do: {rule.remedy}")
    if rule.references:
        print_line(f"Asked for by: {'; '.join(rule.references)}")
