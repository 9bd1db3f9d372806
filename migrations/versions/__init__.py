"""One file per schema change, tested up and down on SQLite and PostgreSQL."""
