"""The environment in which every Dagster process of ours runs, and the folder that it names."""

import os
import re
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def dagster_environment(home: Path, *, dagster_url: str, ledger_url: str) -> dict[str, str]:
    """Return our environment with what Dagster needs, and write `<home>/dagster/dagster.yaml`, which it will read.

    `dagster_url` may name any driver of PostgreSQL; dagster-postgres gets the one that it needs.
    """
    home = home.absolute()
    folder = home / "dagster"
    (folder / "storage").mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text(_read_settings(), encoding="utf-8")
    return os.environ | {
        "DAGSTER_HOME": str(folder),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "DAGSTER_EVENT_BATCH_SIZE": "1000",  # what a run plans comes in batches then, which `defs/storage.py` writes so
        "WHALEFALL_HOME": str(home),
        "WHALEFALL_DATABASE_URL": ledger_url,
        "WHALEFALL_DAGSTER_FOLDER": str(folder / "storage"),
        # psycopg 3 breaks its event log; a plain URL means psycopg2 to the SQLAlchemy that we pin.
        "WHALEFALL_DAGSTER_URL": re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", dagster_url),
    }


def _read_settings() -> str:
    """Return dagster.yaml, beside the package in a clone and inside it in a wheel, with where a home keeps things.

    Dagster's own programs read the file of a clone without a home, so it names no variable that only a home has.
    """
    inside = _PACKAGE / "dagster.yaml"
    common = inside if inside.exists() else _PACKAGE.parent / "dagster.yaml"
    storage = Path(__file__).with_name("storage.yaml")
    return "\n".join(path.read_text(encoding="utf-8") for path in (common, storage))
