"""Arguments that several commands take, and how a shell completes them."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from whalefall_pipeline.core.errors import WhalefallError

COMPLETED = 100
"""Names that a shell is offered at most."""


def complete_instance(incomplete: str) -> list[str]:
    """Return the active instances whose names begin so; none where the ledger does not run."""
    return _read_choices(
        lambda queries, reader: [row["name"] for row in queries.read_instance_rows(reader)], incomplete
    )


def complete_account(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return accounts of the instance that the line names already, whose names begin so."""
    instance = str(ctx.params.get("instance") or "")
    return _read_choices(
        lambda queries, reader: queries.read_usernames(reader, instance, incomplete, at_most=COMPLETED), incomplete
    )


def complete_session(incomplete: str) -> list[str]:
    """Return the newest sessions whose ids begin so."""
    return _read_choices(
        lambda queries, reader: [row["session_id"] for row in queries.read_sessions(reader, incomplete or None)],
        incomplete,
    )


def complete_rule(incomplete: str) -> list[str]:
    """Return the rules whose ids begin so; those of one's own file are not among them."""
    from whalefall_pipeline.adapters.registry import ADAPTERS  # noqa: PLC0415
    from whalefall_pipeline.core.findings.everywhere import RULES  # noqa: PLC0415

    every = [*RULES, *(rule for adapter in ADAPTERS.values() for rule in adapter.findings.rules)]
    return sorted(rule.id for rule in every if rule.id.startswith(incomplete))


def _read_choices(question: Callable[[Any, Any], Sequence[str]], incomplete: str) -> list[str]:
    # A shell that completes other words imports none of this.
    from whalefall_pipeline.cli.workplace import open_reader, runs_already  # noqa: PLC0415
    from whalefall_pipeline.core.text import is_visible  # noqa: PLC0415
    from whalefall_pipeline.ledger import queries  # noqa: PLC0415

    try:
        if not runs_already():
            return []
        with open_reader() as reader:
            names = question(queries, reader)
    except (WhalefallError, OSError):  # a shell has no place for an error between two keys
        return []
    return [name for name in names if name.startswith(incomplete) and is_visible(name)][:COMPLETED]


InstanceOption = Annotated[
    str | None, typer.Option("--instance", "-i", autocompletion=complete_instance, help="Only this instance.")
]
AccountOption = Annotated[
    str | None,
    typer.Option("--account", "-a", autocompletion=complete_account, help="Only this account; on MySQL user@host."),
]
InstanceArgument = Annotated[str, typer.Argument(autocompletion=complete_instance, help="The instance's name.")]
SinceOption = Annotated[str | None, typer.Option(help="From then on: 7d, 12h, 2026-11-01 or 2026-11-01T08:00.")]
UntilOption = Annotated[str | None, typer.Option(help="Before then: 7d, 12h, 2026-11-01 or 2026-11-01T08:00.")]
AsOfOption = Annotated[str | None, typer.Option(help="As it was then: 7d, 12h, 2026-11-01 or 2026-11-01T08:00.")]
