"""What a new policy would leave behind: plans that accounts have, and features that they use, which it lacks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from spillover.model.policy import Policy


def leaves_behind(
    old: Policy, new: Policy, plans_in_use: Mapping[str, int], used: Collection[tuple[str, str]]
) -> list[str]:
    """Sentences on what is in use under `old` and would be denied under `new`; none if it follows without loss.

    `plans_in_use`: plan -> how many accounts have it, or are to get it. `used`: (plan, feature) of recent usage.
    """
    return [*_plans(old, new, plans_in_use), *_features(old, new, plans_in_use, used)]


def _plans(old: Policy, new: Policy, plans_in_use: Mapping[str, int]) -> Iterator[str]:
    """Plans in use that are gone, and those that a plan in use was to become: accounts are scheduled for them."""
    counts = {name: count for name, count in plans_in_use.items() if count > 0}
    for name, count in sorted(counts.items()):
        if name not in new.plans:
            yield f"the plan {name} is missing, which {count:,} account{' has' if count == 1 else 's have'}"
    for name in sorted(counts):
        then = old.plans[name].then if name in old.plans else ""
        if then and then not in new.plans and then not in counts:
            yield f"the plan {then} is missing, which accounts of the plan {name} get when that ends"


def _features(
    old: Policy, new: Policy, plans_in_use: Mapping[str, int], used: Collection[tuple[str, str]]
) -> Iterator[str]:
    """Features in use without a rule. Of a plan that is named as missing already, that is said once."""
    for plan, feature in sorted(set(used)):
        before, after = old.plans.get(plan), new.plans.get(plan)
        if before is None or feature not in before.by_feature:
            continue
        if after is None:
            if not plans_in_use.get(plan):
                yield f"the plan {plan} is missing, under which {feature} is used"
        elif feature not in after.by_feature:
            gone = "" if feature in new.features else ", and the policy does not name it"
            yield f"the feature {feature} is used under the plan {plan}, which has no rule for it{gone}"
