"""A new policy that would leave plans or features in use behind is told so, in one sentence for each."""

import pytest

from spillover.policy import leaves_behind, read_policy_text

OLD = """\
spillover: 1
features: {chat: {count: requests}, film: {count: seconds}}
plans:
  trial: {lasts: 14d, then: free, rules: [{for: [chat], waterfall: [{from: units}]}]}
  free: {rules: [{for: [chat], waterfall: [{from: units}]}]}
  plus: {rules: [{for: [chat, film], name: both, waterfall: [{from: units}]}]}
"""
FREE = "  free: {rules: [{for: [chat], waterfall: [{from: units}]}]}\n"

# the new policy | plans in use | used | the sentences
CASES = [
    (OLD, {"trial": 1, "plus": 2}, {("plus", "film")}, []),
    (OLD.replace("for: [chat, film]", "for: [chat]"), {"plus": 2}, {("plus", "chat")}, []),
    (OLD.replace("for: [chat, film]", "for: [chat]"), {"plus": 2}, {("plus", "film"), ("plus", "chat")},
     ["the feature film is used under the plan plus, which has no rule for it"]),
    (OLD.replace(", film]", "]").replace(", film: {count: seconds}", ""), {"plus": 2}, {("plus", "film")},
     ["the feature film is used under the plan plus, which has no rule for it, and the policy does not name it"]),
    (OLD.replace("  plus:", "  gold:"), {"plus": 1000, "free": 1}, {("plus", "film"), ("plus", "chat")},
     ["the plan plus is missing, which 1,000 accounts have"]),
    (OLD.replace("  plus:", "  gold:"), {"plus": 1}, set(), ["the plan plus is missing, which 1 account has"]),
    (OLD.replace("  plus:", "  gold:"), {"plus": 0}, set(), []),
    (OLD.replace("  plus:", "  gold:"), {}, {("plus", "film")},
     ["the plan plus is missing, under which film is used"]),
    (OLD.replace(FREE, "").replace("then: free", "then: plus"), {"trial": 3}, set(),
     ["the plan free is missing, which accounts of the plan trial get when that ends"]),
    (OLD.replace(FREE, "").replace("then: free", "then: plus"), {"trial": 3, "free": 2}, set(),
     ["the plan free is missing, which 2 accounts have"]),
    (OLD.replace(FREE, "").replace("then: free", "then: plus"), {"plus": 3}, set(), []),
    (OLD, {"plus": 1}, {("free", "film"), ("gone", "chat")}, []),  # denied under the old one too
]  # fmt: skip


@pytest.mark.parametrize(("new", "plans", "used", "sentences"), CASES)
def test_what_a_new_policy_leaves_behind_is_said(new, plans, used, sentences):
    assert leaves_behind(read_policy_text(OLD), read_policy_text(new), plans, used) == sentences


def test_a_plan_that_neither_policy_knows_is_still_missing():
    policy = read_policy_text(OLD)
    assert leaves_behind(policy, policy, {"gold": 1}, []) == ["the plan gold is missing, which 1 account has"]
