"""Texts that are no policy at all, or would cost too much: each is one clear mistake with its line."""

import pytest

from spillover.model.errors import PolicyError
from spillover.policy import policy_from_document, read_policy, read_policy_text
from tests.policy.support import mistakes

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n" for before, name in ["ab", "bc", "cd", "de", "ef"]
)
TALL = "a: &a " + "[" * 30 + "]" * 30 + "\nb: &b " + "[" * 30 + "*a" + "]" * 30 + "\nc: " + "[" * 30 + "*b" + "]" * 30

# text | line | found | expected
TEXTS = [
    ("", 1, "an empty document", "a mapping with spillover, features and plans"),
    ("# nothing\n---\n", 3, "nothing", "a mapping with spillover, features and plans"),
    ("policy", 1, '"policy"', "a mapping with spillover, features and plans"),
    ("- 1", 1, "a list of 1", "a mapping with spillover, features and plans"),
    ("a: 1\n\tb: 2\n", 2, "a tab", "spaces: YAML does not indent with tabs"),
    ("a: 1\nb: [1,\n", 3, "text that is not YAML (expected the node content, but found '<stream end>')", "YAML 1.2"),
    ("a: 1\nb: c: d\n", 2, "text that is not YAML (mapping values are not allowed here)", "YAML 1.2"),
    ("%YAML 1.3\n---\na: 1\n", 1, None, "YAML 1.2"),
    ("a: 1\n---\nb: 2\n", 2, "a second document", "one document in a file"),
    ("a: 1\nb: *c\n", 2, "the alias *c", "an anchor &c that ends before it"),
    ("a: &a\n  - *a\n", 2, "the alias *a", "an anchor &a that ends before it"),
    ("a: 1\nb: \x07\n", 2, "the character U+0007", "printable text in UTF-8"),
    ('a: "\\ud800"\n', 1, "half of a surrogate pair", "text that UTF-8 can write"),
    ('"\\ud800": 1\n', 1, "half of a surrogate pair", "text that UTF-8 can write"),
    ("[" * 100_000, 1, "more than 64 levels of nesting", "a flatter policy"),
    ("- " * 100_000, 1, "more than 64 levels of nesting", "a flatter policy"),
    (TALL, 3, "more than 64 levels of nesting", "a flatter policy"),
    (BOMB, 5, "more than 100,000 values (aliases written out)", "a smaller policy"),
    (
        "a: &a " + "x" * 900_000 + "\nb: [*a, *a]\n",
        2,
        "more than 100,000 values (aliases written out)",
        "a smaller policy",
    ),
    ("#" * 1_000_001, 1, "more than 1,000,000 characters", "a smaller policy"),
]


@pytest.mark.parametrize(("text", "line", "found", "expected"), TEXTS, ids=lambda value: repr(value)[:40])
def test_a_text_that_is_no_policy_is_one_mistake(text, line, found, expected):
    first = mistakes(text)[0]
    assert (first.line, first.expected) == (line, expected)
    assert found in (first.found, None)


def test_keys_stand_once_and_tags_are_refused():
    document = "spillover: 1\nfeatures: {chat: {count: requests}}\nplans:\n  a: {rules: []}\n  a: {rules: []}\n"
    assert [(m.line, m.path, m.found) for m in mistakes(document)] == [
        (5, "plans.a", "this key twice (first on line 4)")
    ]
    assert [(m.line, m.path, m.found) for m in mistakes(document.replace("a: {rules: []}\n", "? [x]\n  : 1\n", 1))] == [
        (4, "plans", "a list of 1 as a key")
    ]
    tagged = "spillover: !!int 1\nfeatures: {chat: !feature {count: requests}}\nplans:\n  a: {rules: []}\n"
    assert [(m.line, m.path, m.found) for m in mistakes(tagged)][:2] == [
        (1, "spillover", "the tag !!int"),
        (2, "features.chat", "the tag !feature"),
    ]


# the file's bytes | line | found
FILES = [
    (b"spillover: 1\n# caf\xe9\n", 2, "the byte 0xE9"),
    ("spillover: 1".encode("utf-16"), 1, "the byte 0xFF"),
    (b"#" * 1_000_001, 1, "more than 1,000,000 bytes"),
    (b"", 1, "an empty document"),
]


@pytest.mark.parametrize(("content", "line", "found"), FILES, ids=["latin-1", "utf-16", "large", "empty"])
def test_a_file_that_cannot_be_read_is_a_mistake_of_that_file(tmp_path, content, line, found):
    file = tmp_path / "p.yaml"
    file.write_bytes(content)
    with pytest.raises(PolicyError) as caught:
        read_policy(file)
    assert [(m.file, m.line, m.found) for m in caught.value.mistakes] == [(str(file), line, found)]


def test_a_missing_file_and_a_directory_say_so(tmp_path):
    for path, found in [(tmp_path / "none.yaml", "no such file"), (tmp_path, "a directory")]:
        with pytest.raises(PolicyError, match=found):
            read_policy(path)
    with pytest.raises(PolicyError, match="cannot be read"):
        read_policy("a\0b")


def test_a_byte_order_mark_anchors_and_windows_line_ends_are_fine(tmp_path):
    text = (
        "spillover: 1\nfeatures: {a: {count: requests}, b: {count: requests}}\nplans:\n"
        "  x: {rules: [&rule {for: [a], waterfall: &layers [{from: units}]}, {for: [b], waterfall: *layers}]}\n"
        "  y: {rules: [*rule]}\n"
    )
    file = tmp_path / "p.yaml"
    file.write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    policy = read_policy(file)
    assert policy == read_policy_text(text)
    assert policy.plans["y"].rules[0] == policy.plans["x"].rules[0]


# a stored document that is none | what its mistake says
STORED = [
    ("", "not JSON"),
    ("{", "not JSON"),
    ("[" * 100_000, "not JSON"),
    ('"\\ud800"', "not JSON"),
    ("[" * 70 + "]" * 70, "levels of nesting"),
    ("[" + "1," * 100_000 + "1]", "100,000 values"),
    ('{"spillover": 1e999999999}', "a number with an exponent"),
    ('{"spillover": ' + "9" * 60 + "}", "more than 40 digits"),
    ("null", "a mapping with spillover"),
]


@pytest.mark.parametrize(("text", "said"), STORED, ids=lambda value: repr(value)[:30])
def test_a_stored_document_that_is_none_is_a_mistake(text, said):
    with pytest.raises(PolicyError, match=said):
        policy_from_document(text)
