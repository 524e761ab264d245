"""The nouns as JSON: a typed, frozen struct for each result of a verb.

`Class.of(policy, noun)` writes a noun, `.noun()` reads it back. `--json`, the service over HTTP and its client use the
same. The JSON Schema of a document is made from its struct, so a class is named as readers of the API are to know it;
where that is the name of its noun, the noun is called by its module: `answers.Decision`.
"""
