"""Elements, attributes and namespaces of a document: what selects them, reads and edits them."""
