"""The use cases: decide and commit, settle, push. They know the ports and the rules, never a database."""
