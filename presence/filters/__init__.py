"""Filters: what of a document a watcher wants, and after which changes (RFC 4660, RFC 4661)."""
