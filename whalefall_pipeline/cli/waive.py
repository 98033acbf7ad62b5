"""`whalefall waive`: accepts findings for a while, with a reason; they come back by themselves."""

from typing import TYPE_CHECKING, Annotated

import typer

from whalefall_pipeline.cli.arguments import AccountOption, InstanceOption, complete_rule
from whalefall_pipeline.cli.known import check_account, check_instance
from whalefall_pipeline.cli.labels import LabelOption, find_labelled
from whalefall_pipeline.cli.moments import format_moment, parse_expiry
from whalefall_pipeline.cli.output import print_line, warn
from whalefall_pipeline.cli.rows import Format, FormatOption, LimitOption, RawOption, choose_limit, show_rows
from whalefall_pipeline.cli.workplace import find_user, open_reader, open_workplace
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.ledger.queries import read_waivers

if TYPE_CHECKING:
    from whalefall_pipeline.settings import Settings

COLUMNS = ("id", "rule", "instance", "account", "object", "status", "expires_at", "reason", "ticket", "created_by")
MORE = ("created_at", "withdrawn_at", "withdrawn_by")


def add_waiver(
    rule: Annotated[str, typer.Argument(autocompletion=complete_rule, help="The rule's id; see: whalefall rules.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why it is accepted.")],
    ticket: Annotated[str, typer.Option("--ticket", help="Where it was decided.")],
    expires: Annotated[str, typer.Option("--expires", help="When it comes back: in 90d, or 2027-03-31.")],
    instance: InstanceOption = None,
    account: AccountOption = None,
    of_object: Annotated[str | None, typer.Option("--object", help="Only of this object, as listed.")] = None,
) -> None:
    """Accept findings of a rule until a moment.

    Of one instance, account or object, or of all. What is unknown can't be accepted: it has to be seen first.
    """
    from whalefall_pipeline.ledger.database import connecting, transaction  # noqa: PLC0415 - loads SQLAlchemy
    from whalefall_pipeline.ledger.waivers import Waiver, count_covered, write_waiver  # noqa: PLC0415

    expires_at = parse_expiry(expires)
    for name, value in (("reason", reason), ("ticket", ticket)):
        if not value.strip():
            raise InvalidInputError(f"a waiver needs a {name}: --{name} TEXT")
    with open_workplace() as workplace:
        _check_rule(workplace.settings, rule)
        with workplace.reading() as reader:
            check_instance(reader, instance)
            check_account(reader, account, instance)
        waiver = Waiver(
            rule_id=rule,
            reason=reason.strip(),
            by=find_user(),
            expires_at=expires_at,
            instance=instance,
            username=account,
            object=of_object,
            ticket=ticket.strip(),
        )
        with connecting(workplace.engine) as connection, transaction(connection):
            number = write_waiver(connection, waiver)
            covered = count_covered(connection, number)
    print_line(f"waiver {number} covers {covered} findings until {format_moment(expires_at)}")
    if not covered:
        warn("no finding is covered by it now: see whalefall findings for how accounts and objects are spelled")


def list_waivers(
    *,
    label: LabelOption = None,
    every: Annotated[bool, typer.Option("--all", help="Those that expired or were withdrawn too.")] = False,
    limit: LimitOption = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """List what is accepted, why, and until when."""
    at_most = choose_limit(limit, form)
    with open_reader() as reader:
        chosen = find_labelled(reader, label, removed=every)
        rows = read_waivers(reader, every=every, chosen=chosen, at_most=at_most and at_most + 1)
    more = () if form is Format.TABLE else MORE
    show_rows(rows, (*COLUMNS, *more), form, raw=raw, at_most=at_most)


def withdraw(
    number: Annotated[int, typer.Argument(min=1, help="The waiver's id; see: whalefall waive list.")],
) -> None:
    """Withdraw a waiver: its findings are open again."""
    from whalefall_pipeline.ledger.database import connecting, transaction  # noqa: PLC0415 - loads SQLAlchemy
    from whalefall_pipeline.ledger.waivers import withdraw_waiver  # noqa: PLC0415

    with open_workplace() as workplace, connecting(workplace.engine) as connection, transaction(connection):
        done = withdraw_waiver(connection, number, find_user())
    if not done:
        raise InvalidInputError(f"no waiver {number} is there to be withdrawn; see: whalefall waive list --all")
    print_line(f"waiver {number} is withdrawn: what it covered is open again")


def _check_rule(settings: "Settings", rule: str) -> None:
    """Raise InvalidInputError for a rule that there is not."""
    from whalefall_pipeline.cli.rules import list_rules  # noqa: PLC0415 - loads the engines

    if rule not in {item.rule.id for item in list_rules(settings)}:
        raise InvalidInputError(f"there is no rule {rule!r}; list them: whalefall rules")
