"""The rules, as pure functions: no clock, no I/O, no randomness, no async (a test enforces it)."""
