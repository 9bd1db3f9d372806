"""NOTIFYs: when, what, by which way, and what their answers mean (RFC 6665 §4.2.2)."""
