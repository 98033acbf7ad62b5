"""The SQL that re-creates accounts, roles and grants, or takes one account from one state to another. Pure."""

from whalefall_pipeline.adapters.mysql.script.grants import build_change, build_script

__all__ = ["build_change", "build_script"]
