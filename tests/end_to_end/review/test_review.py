"""A whole review on a real server: opened, decided, one revoke done and one not, refused, and closed with proofs."""

import json
from typing import Any

from tests.cli.conftest import Run
from tests.end_to_end.history.watched import Watched
from tests.engines.engine import Server
from tests.ledger.rows import read

ACCOUNTS = ("wf_kept", "wf_dropped", "wf_stripped")


def show(whalefall: Run, *words: str) -> dict[str, dict[str, Any]]:
    rows = json.loads(whalefall("review", "show", *words, "-o", "json").stdout)
    return {row["username"]: row for row in rows}


def test_a_review_is_closed_when_a_sync_has_seen_what_was_decided(
    watched: Watched, server: Server, whalefall: Run
) -> None:
    kept, dropped, stripped = server.create_accounts(ACCOUNTS)
    for name in ACCOUNTS:
        server.make_superuser(name)
    watched.sync_well()
    opened = whalefall("review", "open", "--name", "Q4", "--due", "2999-12-31")
    assert opened.returncode == 0, opened.stderr
    rows = show(whalefall)
    assert {kept, dropped, stripped} <= rows.keys()
    assert {row["status"] for row in rows.values()} == {"undecided"}
    assert all("SUPERUSER" in rows[name]["capabilities"] for name in (kept, dropped, stripped))

    early = whalefall("review", "close")
    assert early.returncode == 1
    assert f"{len(rows)} decisions are missing" in early.stderr
    for username in rows:
        decision = "revoke" if username in (dropped, stripped) else "keep"
        assert whalefall("review", "decide", username, decision, "--note", "as agreed").returncode == 0
    assert {show(whalefall)[name]["status"] for name in (dropped, stripped)} == {"still there"}

    # One is done, by what the command prints; a sync without the other is no proof of it.
    lines = whalefall("review", "sql").stdout.splitlines()
    assert lines[0] == f"-- watched ({server.adapter.rules.db_type})"
    states = watched.read_snapshots()
    done = [line for line in lines if "wf_stripped" not in line and not line.startswith("--")]
    server.execute(*done)
    watched.sync_well()
    assert states.keys() - watched.read_snapshots().keys() == {dropped}
    rows = show(whalefall)
    assert (rows[dropped]["status"], rows[stripped]["status"]) == ("gone", "still there")
    assert rows[dropped]["proven_in"] == watched.sessions[-1]
    refused = whalefall("review", "close")
    assert refused.returncode == 1
    assert f"watched: {stripped}: it is to be revoked" in refused.stderr
    assert "0 decisions are missing, 1 revokes were not seen done" in refused.stderr
    assert dropped not in whalefall("review", "sql").stdout

    server.drop_accounts(["wf_stripped"])
    assert whalefall("review", "close").returncode == 1, "it is done, and no sync has seen it"
    watched.sync_well()
    assert whalefall("review", "close").returncode == 0
    (entry,) = [entry for entry in watched.read_log(stripped) if entry["change_type"] == "delete"]
    (proof,) = read(
        watched.ledger, "select proven_in, proven_at from review_item where username = :name", name=stripped
    )
    assert tuple(proof.values()) == (watched.sessions[-1], entry["change_time"])

    # What is closed stays as it is, whatever happens to the server.
    closed = show(whalefall, "--name", "Q4")
    server.create_accounts(["wf_dropped"])
    watched.sync_well()
    assert show(whalefall, "--name", "Q4") == closed
    again = whalefall("review", "decide", kept, "revoke", "--name", "Q4")
    assert (again.returncode, "it stays so" in again.stderr) == (2, True)
