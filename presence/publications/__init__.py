"""PUBLISHes and what becomes of them (RFC 3903)."""
