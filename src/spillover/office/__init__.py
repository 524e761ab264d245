"""What a service remembers that is not books, in the books' database: keys, the log of administrators, the secret that
customers' tokens are signed with. Written once (`records.py`) over the desks and tables of `ledgers/books`.

Opened by `bootstrap.rungs.open_office`. Making and checking of keys and tokens is pure: `keys.py`, `tokens.py`.
"""
