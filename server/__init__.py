"""The process: settings, wiring, command line, admin listener. Nothing imports it."""
