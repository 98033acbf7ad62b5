"""The entry point that `workspace.yaml` names; nothing else."""

import dagster as dg

from whalefall_pipeline.defs.building import build_defs
from whalefall_pipeline.defs.resources import fix_executor, fix_loggers, fix_outputs

defs = dg.Definitions.merge(
    build_defs(),
    dg.Definitions(resources={"io_manager": fix_outputs()}, executor=fix_executor(), loggers=fix_loggers()),
)
