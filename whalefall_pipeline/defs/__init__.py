"""The Dagster shell: gathers inputs, calls core, applies outputs."""
