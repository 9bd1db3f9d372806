"""Tables, set-based statements, group commit and the change feed, on PostgreSQL and SQLite."""
