"""Whatever comes as a policy, the answer is a policy or a PolicyError; and a policy that is read can be read again."""

import json

from hypothesis import given
from hypothesis import strategies as st

from spillover.model.errors import PolicyError
from spillover.policy import check_policy, policy_from_document, read_policy_text
from tests.policy.support import FULL

WORDS = sorted({word.strip(",[]{}\":'") for word in FULL.split()} | {"packs", "open_holds"})
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.decimals(-1000, 10**10, places=3).map(float), st.text(max_size=8),
    st.sampled_from([*WORDS, "5h", "1m", "day", "month", "UTC", "true", "1e400", "0.000001", "-0", "~"]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda child: (
        st.lists(child, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), child, max_size=4)
    ),
    max_leaves=12,
)


def _answer(read, text):
    try:
        policy = read(text)
    except PolicyError as error:
        refusal = error
    else:
        check_policy(policy)
        assert policy_from_document(policy.document) == policy
        return policy
    assert refusal.mistakes
    assert all(mistake.line >= 1 and str(mistake).isprintable() for mistake in refusal.mistakes)
    assert [m.line for m in refusal.mistakes] == sorted(m.line for m in refusal.mistakes)
    return None


def _places(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from _places(child, (*path, key))


PLACES = list(_places(json.loads(read_policy_text(FULL).document)))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    _answer(read_policy_text, text)
    _answer(policy_from_document, text)


@given(
    st.lists(st.sampled_from([*"{}[]:,-?&*!|>'\"%@`#~<\t \n\\", "a", "&a", "*a", "!!str", "---", "...", "%YAML 1.1\n"]))
)
def test_any_sequence_of_signs_of_yaml_is_read_or_refused(signs):
    _answer(read_policy_text, "".join(signs))


@given(st.integers(0, len(FULL)), st.integers(0, 30), st.text(max_size=10))
def test_any_edit_of_the_example_is_read_or_refused(at, removed, inserted):
    _answer(read_policy_text, FULL[:at] + inserted + FULL[at + removed :])


@given(st.sampled_from(PLACES), values, st.booleans())
def test_any_value_in_any_place_is_read_or_refused_alike_in_both_forms(place, value, insert):
    document = json.loads(read_policy_text(FULL).document)
    if not place:
        document = value
    else:
        within = document
        for key in place[:-1]:
            within = within[key]
        if insert and isinstance(within, dict):
            within[place[-1] + "x"] = value
        else:
            within[place[-1]] = value
    text = json.dumps(document, ensure_ascii=True)
    read, stored = _answer(read_policy_text, text), _answer(policy_from_document, text)
    assert read == stored
