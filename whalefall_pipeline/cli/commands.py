"""All commands, by name: where each is, and what it does in a line. Nothing of a command is imported before it runs.

A new command is a function with typer's annotations, and a line here.
"""

import os
import signal
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from whalefall_pipeline.cli.output import console
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.text import is_unicode, make_visible

PACKAGE = "whalefall_pipeline.cli"


class Entry(NamedTuple):
    """A command: `module:function` below this package, and the first line of its help."""

    place: str
    summary: str


COMMANDS: Mapping[str, Entry] = {
    "demo": Entry("demo:demo", "Sync servers that it starts, change something, and find it."),
    "init": Entry("serving:init", "Make a home here, or in a folder, with an embedded PostgreSQL."),
    "up": Entry("serving:up", "Run webserver and daemon; Ctrl-C ends them."),
    "stop": Entry("serving:stop", "Stop what runs in this home."),
    "sync": Entry("sync:sync", "Sync the accounts and permissions of instances."),
    "sessions": Entry("sessions:show_sessions", "List sync sessions, or show one with its instances."),
    "accounts": Entry("accounts:show_accounts", "List accounts with their capabilities and roles."),
    "show": Entry("account:show_account", "Show what one account holds, now or at a past moment."),
    "changes": Entry("changes:show_changes", "List changes of accounts, the newest first."),
    "who-has": Entry("holders:show_holders", "List who holds a privilege, and since when."),
    "findings": Entry("findings:show_findings", "List what is wrong, the worst first."),
    "rules": Entry("rules:show_rules", "List the rules that findings are made by, or show one."),
    "who-can": Entry("who_can:who_can", "List who can do something, by roles and wider grants too."),
    "what-can": Entry("what_can:what_can", "List what an account can do, on all or on one object."),
    "why": Entry("why:why", "Show every way by which an account can do something."),
    "escalations": Entry("escalations:show_escalations", "List who could become a superuser or another account."),
    "script": Entry("script:script", "Print the SQL that re-creates accounts, or undoes a change."),
    "report": Entry("report:report", "Write a report of the fleet as HTML and XLSX."),
    "doctor": Entry("doctor:doctor", "Look at all that a deployment stands on, and say what to do."),
    "metrics": Entry("metrics:metrics", "Print the fleet's numbers for Prometheus."),
    "completion": Entry("completion:print_completion", "Print what makes a shell complete commands and names."),
}
GROUPS: Mapping[str, tuple[str, Mapping[str, Entry]]] = {
    "instances": (
        "Register, change, list, remove, import and check instances, and their logins.",
        {
            "add": Entry("instances:add_instance", "Register an instance."),
            "change": Entry("instances:change", "Change an instance's definition."),
            "import": Entry("importing:import_instances", "Register the instances of a file."),
            "export": Entry("importing:export_instances", "Print the active instances as a file for import."),
            "list": Entry("listing:list_instances", "List the active instances."),
            "remove": Entry("instances:remove", "Stop syncing instances; what is known of them stays."),
            "exclude": Entry("excluding:exclude", "Stop reading databases and accounts of an instance."),
            "include": Entry("excluding:include", "Read excluded databases and accounts again."),
            "exclusions": Entry("excluding:list_exclusions", "List what is not to be read of instances."),
            "grants": Entry("grants:print_grants", "Print the script that makes a login to collect with."),
            "check": Entry("checking:check", "Connect to instances, and say what can be seen of them."),
        },
    ),
    "credentials": (
        "Look after the secrets of the logins.",
        {
            "list": Entry("credentials:list_credentials", "List how each secret is kept, and whether it can be read."),
            "set": Entry("credentials:set_credential", "Give the secret of an instance's login again."),
            "rotate-key": Entry("credentials:rotate_key", "Encrypt all secrets with a new key."),
        },
    ),
    "waive": (
        "Accept findings until a moment, with a reason.",
        {
            "add": Entry("waive:add_waiver", "Accept findings of a rule until a moment."),
            "list": Entry("waive:list_waivers", "List what is accepted, why, and until when."),
            "withdraw": Entry("waive:withdraw", "Withdraw a waiver: its findings are open again."),
        },
    ),
    "alerts": (
        "List, test and send alerts.",
        {
            "list": Entry("alerts:list_alerts", "List alerts, the newest first."),
            "test": Entry("alerts:test", "Send each target a message that says it is a test."),
            "send": Entry("alerts:send", "Send the alerts that wait, without the daemon."),
        },
    ),
    "review": (
        "Review who has what: open, decide, prove, close, export.",
        {
            "open": Entry("review:open_one", "Freeze who has what now, to be decided on."),
            "list": Entry("review:list_all", "List reviews, and how far they are."),
            "show": Entry("review:show", "Show a review's accounts with their decisions."),
            "decide": Entry("review:decide", "Decide on an account, or on those of a file."),
            "sql": Entry("review_sql:print_sql", "Print the SQL that does what a review's revokes say."),
            "close": Entry("review:close", "Close a review; what it holds is never changed again."),
            "export": Entry("review_export:export", "Write a review as HTML and XLSX, with a manifest."),
        },
    ),
    "db": (
        "Look after the ledger's database.",
        {
            "upgrade": Entry("serving:upgrade_database", "Create the ledger's tables, or bring them to this version."),
            "url": Entry("database:print_url", "Print the ledger's URL, for a client of yours."),
            "grants": Entry("database:print_roles", "Print the script for roles of the ledger."),
            "psql": Entry("database:run_psql", "Open psql on the ledger."),
            "backup": Entry("backup:back_up", "Write the ledger to a file."),
            "restore": Entry("backup:restore", "Bring the ledger to the state of such a file."),
        },
    ),
}
HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class LazyCommand(TyperCommand):
    """Stands for a command in lists of them, and imports it when it is asked to do something."""

    def __init__(self, name: str, entry: Entry) -> None:
        super().__init__(name=name, help=entry.summary, rich_markup_mode=None)
        self._entry = entry

    def load(self) -> TyperCommand:
        """Import the command."""
        module, _, function = self._entry.place.partition(":")
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(self.name, context_settings=HELP)(getattr(import_module(f"{PACKAGE}.{module}"), function))
        return cast("TyperCommand", get_command(single))

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the command's own arguments."""
        loaded = self.load()
        for end in (signal.SIGINT, signal.SIGTERM):
            signal.signal(end, signal.default_int_handler)
        return loaded.make_context(*args, **kwargs)


def build_app() -> TyperGroup:
    """Return the whole command."""
    app = typer.Typer(
        cls=TyperGroup,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        context_settings=HELP,
    )
    app.callback()(_root)
    root = cast("TyperGroup", get_command(app))
    for name, entry in COMMANDS.items():
        root.add_command(LazyCommand(name, entry))
    for name, (summary, entries) in GROUPS.items():
        members = {member: LazyCommand(member, entry) for member, entry in entries.items()}
        settings: Any = HELP
        group = TyperGroup(
            name=name,
            commands=dict(members),
            help=summary,
            no_args_is_help=True,
            rich_markup_mode=None,
            context_settings=settings,
        )
        root.add_command(group)
    return root


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code. Raises InvalidInputError for what it does not take."""
    line = os.environ.pop("_WHALEFALL_LINE", None)
    if line is not None:
        from whalefall_pipeline.cli.completion import prepare_completion  # noqa: PLC0415 - only shells need it

        prepare_completion(line)
    if list(arguments) == ["--version"]:  # as an option, it would have typer import pydantic for every command
        _print_version()
        return 0
    try:
        code = build_app().main(list(arguments), prog_name="whalefall", standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except typer.TyperException as error:
        return _explain(error)
    except UnicodeEncodeError:
        _refuse_bytes(arguments)
        raise
    return code if isinstance(code, int) else 0


def _refuse_bytes(arguments: Sequence[str]) -> None:
    """Raise InvalidInputError for an argument that is no UTF-8, when one could not be taken: files may be so named."""
    for argument in arguments:
        if not is_unicode(argument):
            raise InvalidInputError(f"'{make_visible(argument)}' holds bytes that are no UTF-8") from None


def _explain(error: typer.TyperException) -> int:
    """Show a command's help where nothing was asked of it. Raises InvalidInputError for what it does not take."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message())
        return error.exit_code
    place = context.command_path if context else "whalefall"
    text = " ".join(error.format_message().split()).rstrip(".")
    raise InvalidInputError(f"{text}; see: {place} --help") from None


def _print_version() -> None:
    from importlib.metadata import version  # noqa: PLC0415 - takes longer to import than the rest of an answer

    console.print(f"whalefall {version('whalefall-pipeline')}")


def _root() -> None:
    """Database accounts and their permissions as Dagster assets, with history, in a PostgreSQL ledger.

    whalefall --version prints the version.
    """
