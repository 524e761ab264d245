"""The accounts of the example, put into the file that the proxy opens. Safe to run again."""

import os
from pathlib import Path

import spillover

policy = Path(__file__).with_name("policy.yaml")
with spillover.connect(os.environ.get("SPILLOVER_URL", "sqlite:///litellm.db"), policy=policy) as access:
    for account, plan in (("acme", "team"), ("globex", "team"), ("initech", "trial")):
        access.accounts.put(account, plan=plan)
    for account in ("acme", "initech"):
        access.credits.add(account, 10, key="welcome")
    for account in ("acme", "globex", "initech"):
        print(account, access.overview(account).credits // 1_000_000, "credits")
