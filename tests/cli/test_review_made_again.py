"""A review of an account that was dropped and made again, and what is said of instances that were not seen whole."""

from dataclasses import replace

from sqlalchemy import text

from tests.cli.conftest import Run
from tests.cli.test_review import MANY, fleet, open_all, show
from tests.engines.scripted import Fleet

__all__ = ["fleet"]


def test_an_account_that_was_made_again_is_not_gone(fleet: Fleet, whalefall: Run) -> None:
    """Nor between the sync's two transactions, when the ledger has it and not yet what it holds."""
    fleet.adapter.accounts = [replace(account, native_id="16400") for account in MANY]
    fleet.sync()
    open_all(whalefall, "-i", "one")
    assert whalefall("review", "decide", "ana", "revoke").returncode == 0
    fleet.adapter.accounts = [replace(account, native_id="16500") for account in MANY]
    for has_permissions in (False, True):
        fleet.sync(permissions=has_permissions)
        assert show(whalefall)["ana"]["status"] == "still there"


def test_gaps_are_warned_of_for_the_chosen_instances(fleet: Fleet, whalefall: Run) -> None:
    open_all(whalefall)
    with fleet.engine.begin() as connection:
        connection.execute(text("""update instances set labels = '{"env": "prod"}' where name = 'two'"""))
    for words, names in (((), ["one", "two"]), (("--instance", "one"), ["one"]), (("--label", "env=prod"), ["two"])):
        said = whalefall("review", "show", *words).stderr
        assert [line.split(":")[0] for line in said.splitlines() if "database:hr was not" in line] == names
