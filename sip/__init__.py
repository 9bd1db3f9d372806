"""The SIP stack: codec, transactions, dialogs, digest, transports. Knows no events and no SQL."""
