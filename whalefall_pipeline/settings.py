"""The environment as typed settings: one variable `WHALEFALL_<NAME>` each, all optional."""

from functools import cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from whalefall_pipeline.core import limits


class Settings(BaseSettings):
    """What a deployment sets; the defaults suit a laptop."""

    model_config = SettingsConfigDict(env_prefix="WHALEFALL_", extra="ignore")

    home: Path = Field(Path(".whalefall"), description="folder of the embedded server, Dagster's files and the key")
    database_url: SecretStr | None = Field(None, description="the ledger; unset: the embedded PostgreSQL")
    dagster_url: SecretStr | None = Field(None, description="Dagster's storage; unset: beside the ledger")
    secret_key: SecretStr | None = Field(None, description="Fernet key of the credentials; unset: <home>/secret.key")

    schedule: str = Field("0 3 * * *", description="cron, in UTC, of the schedule that syncs all active instances")
    parallelism: int = Field(
        8, ge=1, description="instances worked on at once in a run: drivers wait on the network most of the time"
    )
    partitions_per_run: int = Field(
        500, ge=1, description="instances in one run at most: what one crash or cancel costs, and one event log holds"
    )
    connect_seconds: float = Field(10, gt=0, description="until a connection stands, handshake and login included")
    statement_seconds: float = Field(60, gt=0, description="for one catalog statement")
    instance_seconds: float = Field(300, gt=0, description="for one instance from connecting to the last row")
    answer_bytes: int = Field(
        limits.ANSWER_BYTES,
        ge=1_000_000,
        description="what one answer of a server may hold, so that none fills the memory",
    )
    attempts: int = Field(3, ge=1, description="tries per instance when it can't be reached; a refused login has one")
    backoff_seconds: float = Field(1, ge=0, description="before the second try; doubles, with jitter")
    lock_wait_seconds: float = Field(600, ge=0, description="for another session that works on the same instance")
    heartbeat_seconds: float = Field(15, gt=0, description="between two signs of life of a running session")
    keep_records_days: int = Field(
        400, ge=1, description="how long finished sessions and their records are kept; accounts' history always is"
    )
    keep_runs_days: int = Field(
        90,
        ge=1,
        description="how long Dagster's finished runs and events are kept; those that partitions show always are",
    )
    webserver_hosts: str | None = Field(
        None, description="names of the UI besides loopback and its own address, such as `ui.example, ui.test:8443`"
    )
    webserver_url: str | None = Field(
        None, description="where `whalefall sync` launches; unset: as `whalefall up` runs"
    )


@cache
def get_settings() -> Settings:
    """Read the environment once per process."""
    return Settings()  # pyright: ignore[reportCallIssue] - pydantic fills in the defaults
