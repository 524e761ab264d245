"""What applications hold: the same verbs for plain and for asynchronous code, over one engine."""
