"""XCAP on the wire: HTTP, who asks, and what is served beside the documents (RFC 9110)."""
