"""Whose key it is. With a database LiteLLM makes keys and teams itself: leave `custom_auth` out of config.yaml then."""

from fastapi import HTTPException
from litellm.proxy._types import UserAPIKeyAuth

TEAMS = {"sk-acme-0001": "acme", "sk-globex-0001": "globex", "sk-initech-0001": "initech", "sk-nobody-0001": None}


async def team_of(request: object, api_key: str) -> UserAPIKeyAuth:
    """The key's team, which is the account that pays."""
    if api_key not in TEAMS:
        raise HTTPException(401, "no such key")
    return UserAPIKeyAuth(api_key=api_key, team_id=TEAMS[api_key])
