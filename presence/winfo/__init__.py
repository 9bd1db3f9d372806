"""Watcher information: who watches, as an event package over every other (RFC 3857, RFC 3858)."""
