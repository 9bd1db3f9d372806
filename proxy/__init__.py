"""The core proxy underneath: registrar, location service, relaying."""
