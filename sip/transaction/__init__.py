"""Client and server transactions as pure machines (RFC 3261 §17, RFC 6026)."""
