"""The command line: every verb for people and scripts, over the same public verbs that applications use."""
