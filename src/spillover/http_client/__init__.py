"""The client of a service: the verbs, groups, signatures and results of the embedded engine, over HTTP.

What each verb sends and reads is written once (`requests`, `orders`, `reports`), when to try again once (`tries`);
`plain` and `asynchronous` only carry it.
"""
