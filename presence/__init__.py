"""The event engine (RFC 6665, RFC 3903) and what its packages plug into."""
