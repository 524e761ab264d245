"""The books: adapters that keep what was used, what is charged, and how balances changed (design, section 7)."""
