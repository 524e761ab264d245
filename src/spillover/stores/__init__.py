"""Hot state and stream: one room for each store."""
