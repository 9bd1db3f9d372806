"""The `message-summary` package (RFC 3842): what waits in a user's mailboxes."""
