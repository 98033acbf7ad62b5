"""The component that `dg` lists and scaffolds: the definitions, described in YAML. Nothing of ours imports it."""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

from collections.abc import Sequence
from typing import Any

import dagster as dg
from pydantic import ValidationError

from whalefall_pipeline.cli.definition import Definition, check_name
from whalefall_pipeline.cli.fleet_file import Entry, to_definition
from whalefall_pipeline.cli.planning import SAME, carry_out, plan_fleet
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.defs.building import build_defs
from whalefall_pipeline.defs.resources import LedgerResource
from whalefall_pipeline.defs.specs import GROUP

BY = "defs.yaml"
"""Who excludes what the YAML excludes, as the ledger has it."""
EXAMPLE = {
    "schedule": "0 3 * * *",
    "instances": [
        {
            "name": "example",
            "type": "postgresql",
            "host": "db.example",
            "user": "whalefall",
            "password_env": "EXAMPLE_PASSWORD",
            "options": {"tls": "verify-full"},
            "labels": {"env": "test"},
        }
    ],
}


class _Scaffolder(dg.Scaffolder[Any]):
    """Makes a `defs.yaml` with a schedule and one instance, to be changed."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        dg.scaffold_component(request, EXAMPLE)


@dg.scaffold_with(_Scaffolder)
class DatabaseAccounts(dg.Component, dg.Model, dg.Resolvable):
    """Database accounts and their permissions as assets, kept in a PostgreSQL ledger.

    The ledger is what WHALEFALL_DATABASE_URL names. A sensor registers the `instances` in it, as a file for `whalefall
    instances import` describes them, and changes those that are registered otherwise; others stay as they are.
    """

    key_prefix: Sequence[str] = ()
    group_name: str = GROUP
    owners: Sequence[str] = ()
    tags: dict[str, str] | None = None
    docs_url: str | None = None
    schedule: str | None = None
    timezone: str = "UTC"
    instances: Sequence[dict[str, Any]] = ()

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions as the YAML has them. Raises InvalidInstanceError for an instance that none can be."""
        built = build_defs(
            key_prefix=self.key_prefix,
            group_name=self.group_name,
            owners=self.owners,
            tags=self.tags,
            docs_url=self.docs_url,
            schedule=self.schedule,
            timezone=self.timezone,
        )
        if not self.instances:
            return built
        definitions = [_to_definition(item, context) for item in self.instances]
        if len({item.name for item in definitions}) < len(definitions):
            raise InvalidInstanceError("an instance stands twice under `instances`")
        return dg.Definitions.merge(built, dg.Definitions(sensors=[build_declared(definitions)]))


def _to_definition(item: dict[str, Any], context: dg.ComponentLoadContext) -> Definition:
    """Return one instance of the YAML, checked as far as it can be without a ledger, and without its secret."""
    try:
        definition = to_definition(Entry.model_validate(item), context.path)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, (item.get("name", "an instance"), *first["loc"])))
        raise InvalidInstanceError(f"{place}: {first['msg']}") from None
    check_name(definition.name)
    definition.to_instance()
    return definition


def build_declared(definitions: Sequence[Definition]) -> dg.SensorDefinition:
    """Return the sensor that has the ledger hold these instances."""

    @dg.sensor(
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Register the declared instances, and change those that are registered otherwise.",
    )
    def declared_instances(whalefall_ledger: LedgerResource) -> dg.SkipReason:
        """Bring the ledger's instances in step with the YAML; nothing is ever started here."""
        for definition in definitions:
            definition.check_secret_source()
        engine, store = whalefall_ledger.get_engine(), whalefall_ledger.get_store()
        steps = [step for step in plan_fleet(engine, store, definitions) if step.change != SAME]
        if not steps:
            return dg.SkipReason(f"{len(definitions)} instances are registered as they are declared")
        carry_out(engine, store, steps, by=BY)
        return dg.SkipReason("; ".join(f"{step.name} {step.change}" for step in steps))

    return declared_instances
