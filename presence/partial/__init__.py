"""Presence documents that tell only what has changed (RFC 5262, RFC 5263, RFC 5264)."""
