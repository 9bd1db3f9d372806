"""SUBSCRIBEs and what becomes of them (RFC 6665 §4.2.1)."""
