"""What the terminal shows: the staircase of a decision, tables, and amounts and times as people read them."""
