"""Alembic migrations; they import the tables of the store and nothing else."""
