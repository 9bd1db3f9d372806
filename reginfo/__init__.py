"""The reg event package (RFC 3680). Reserved: its own issue fills it."""
