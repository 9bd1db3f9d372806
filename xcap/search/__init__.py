"""Searches over documents (OMA XDM Core, AUID org.openmobilealliance.search)."""
