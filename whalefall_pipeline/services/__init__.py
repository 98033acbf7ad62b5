"""Dagster's own processes: code server, webserver and daemon, kept alive, and ended with `whalefall up`."""

from whalefall_pipeline.services.authority import is_loopback
from whalefall_pipeline.services.environment import dagster_environment
from whalefall_pipeline.services.errors import ServicesError
from whalefall_pipeline.services.running import Services, find_webserver, run_services, stop_services

__all__ = [
    "Services",
    "ServicesError",
    "dagster_environment",
    "find_webserver",
    "is_loopback",
    "run_services",
    "stop_services",
]
