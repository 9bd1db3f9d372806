"""Contacts, lists and rules as JSON, beside the documents that they are in (XCP-20)."""
