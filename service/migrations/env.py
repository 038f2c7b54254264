"""Alembic's hook; the settings live in `_runner`."""

from alembic import context

from service.migrations._runner import run_environment

run_environment(context.config.attributes["connection"])
