"""Definitions of nothing: what Dagster's services cost by themselves."""

import dagster as dg

defs = dg.Definitions()
