"""Resource list server (RFC 4662). Reserved: its own issue fills it."""
