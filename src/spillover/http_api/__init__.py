"""The service over HTTP: one table of endpoints, and what reads it (decision 0007)."""
