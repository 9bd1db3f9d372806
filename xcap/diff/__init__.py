"""Changes of XCAP documents as SIP events: the xcap-diff event package (RFC 5875, RFC 5874)."""
