"""`whalefall demo`: the whole way, on servers of the demo's own: register, sync, change, sync again, look."""

import shlex
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from whalefall_pipeline.cli.launching import launch_locally
from whalefall_pipeline.cli.output import print_line
from whalefall_pipeline.cli.progress import follow
from whalefall_pipeline.cli.rows import show_rows
from whalefall_pipeline.cli.serving import serve
from whalefall_pipeline.cli.sessions import show_records
from whalefall_pipeline.cli.workplace import LEDGER, SERVER, Workplace, find_user, open_demo
from whalefall_pipeline.core.errors import WhalefallError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.core.sessions import CREATED_BY_TAG, SYNC_TYPE_TAG
from whalefall_pipeline.demo.mysql_server import RunningServer, find_server_program, start_server
from whalefall_pipeline.demo.mysql_shop import find_folder, find_tls, prepare_web_shop
from whalefall_pipeline.demo.servers import COLLECTOR, change_shop, prepare_ledger, prepare_shop
from whalefall_pipeline.embedded import EmbeddedServer, embedded_server
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.instances import remove_instance, write_instance
from whalefall_pipeline.ledger.queries import (
    read_accounts,
    read_changes,
    read_records,
    read_sessions,
)

LEDGER_INSTANCE, SHOP_INSTANCE, WEB_INSTANCE = "demo-ledger", "demo-shop", "demo-webshop"


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End by itself, without the UI.")] = False,
    port: Annotated[int, typer.Option(help="Of the UI; the next free one if it is taken.")] = 3000,
) -> None:
    """Sync servers that it starts, change something, and find it.

    Then it opens the UI. It has a home of its own, in the folder demo of the usual one, and touches no other ledger.
    """
    with open_demo() as workplace, _sources(workplace) as (shop, names):
        print_line(
            f"The demo has a home of its own; look at it with: export WHALEFALL_HOME={shlex.quote(str(workplace.home))}"
        )
        _head("1. The first sync")
        session_ids = _sync(workplace, names)
        _show_state(workplace, session_ids)
        _head("2. Three changes on the shop's server")
        for statement in change_shop(shop):
            for line in f"{statement};".splitlines():
                print_line(f"  {line}")
        _head("3. The second sync, and what it found")
        _show_changes(workplace, _sync(workplace, names))
        if not once:
            serve(workplace, port=port)


@contextmanager
def _sources(workplace: Workplace) -> Generator[tuple[EmbeddedServer, list[str]]]:
    """Start and register the sources: the embedded server, the shop's, and a MariaDB or MySQL where there is one."""
    home = workplace.home
    with ExitStack() as stack:
        ledger = stack.enter_context(embedded_server(home / SERVER))
        shop = stack.enter_context(embedded_server(home / "shop"))
        ledger_instance = Instance(0, LEDGER_INSTANCE, "postgresql", ledger.host, ledger.port, LEDGER)
        shop_instance = Instance(0, SHOP_INSTANCE, "postgresql", shop.host, shop.port)
        _register(workplace, ledger_instance, prepare_ledger(ledger, LEDGER))
        _register(workplace, shop_instance, prepare_shop(shop))
        names = [LEDGER_INSTANCE, SHOP_INSTANCE]
        web = _start_web_shop(stack, home)
        if web:
            options = find_tls(home)
            web_instance = Instance(0, WEB_INSTANCE, "mysql", web.host, web.port, options=options)
            _register(workplace, web_instance, prepare_web_shop(web))
            names.append(WEB_INSTANCE)
        else:
            _unregister(workplace, WEB_INSTANCE)
        yield shop, names


def _start_web_shop(stack: ExitStack, home: Path) -> RunningServer | None:
    """Start the machine's own MariaDB or MySQL program; without one that runs, say so and go on."""
    program = find_server_program()
    if program is None:
        print_line("This machine has no MariaDB or MySQL server program: the demo goes on without one.")
        return None
    try:
        web = stack.enter_context(start_server(program, find_folder(home)))
    except (OSError, RuntimeError) as error:
        print_line(f"{program} does not run here ({error}): the demo goes on without it.")
        return None
    print_line(f"Found {program} ({web.flavour}): it takes part as {WEB_INSTANCE}.")
    return web


def _register(workplace: Workplace, instance: Instance, password: str) -> None:
    with connecting(workplace.engine) as connection, transaction(connection):
        remove_instance(connection, instance.name)
        write_instance(connection, instance, username=COLLECTOR, secret=workplace.store.encrypt(password))


def _unregister(workplace: Workplace, name: str) -> None:
    with connecting(workplace.engine) as connection, transaction(connection):
        remove_instance(connection, name)


def _sync(workplace: Workplace, names: Sequence[str]) -> Sequence[str]:
    tags = {SYNC_TYPE_TAG: "manual_task", CREATED_BY_TAG: find_user()}
    launch = launch_locally(workplace, names, tags)
    sessions = follow(workplace, launch, len(names))
    with workplace.reading() as reader:
        records = read_records(reader, launch.session_ids)
    show_records(records)
    if not sessions or any(row["status"] != "completed" for row in sessions):
        raise WhalefallError(f"the demo's sync failed; see {launch.find_log()}")
    return launch.session_ids


def _show_state(workplace: Workplace, session_ids: Sequence[str]) -> None:
    with workplace.reading() as reader:
        sessions = [row for row in read_sessions(reader) if row["session_id"] in session_ids]
        accounts = read_accounts(reader)
    counts = ("total_instances", "successful_instances", "failed_instances")
    show_rows(sessions, ("session_id", "sync_type", "status", *counts), title="Sessions (whalefall sessions)")
    columns = ("instance", "username", "kind", "capabilities", "roles")
    show_rows(accounts, columns, title="Accounts (whalefall accounts)")
    superusers = [row for row in accounts if "SUPERUSER" in row["capabilities"]]
    show_rows(superusers, ("instance", "username"), title="Superusers (whalefall accounts --superuser)")


def _show_changes(workplace: Workplace, session_ids: Sequence[str]) -> None:
    with workplace.reading() as reader:
        rows = [row for session_id in session_ids for row in read_changes(reader, session_id=session_id)]
    columns = ("instance", "username", "change_type", "message")
    show_rows(rows, columns, title="Changes (whalefall changes)")


def _head(text: str) -> None:
    print_line("")
    print_line(text, "bold")
