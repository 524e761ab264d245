"""Signatures by Standard Webhooks, judged by the package that receivers use."""

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from spillover.access.clock import system_clock
from spillover.model.errors import InvalidInput
from spillover.notices.signing import KEY_BYTES, key_of, new_secret, signature, signed

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = new_secret(lambda count: bytes(range(count)))
BODY = b'{"test": 2432232314}'


def test_the_known_vector_of_the_specification_is_met():
    moment = 1_614_265_330
    wanted = Webhook(SECRET).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(moment, UTC),
                                  BODY.decode())  # fmt: skip
    made = signature("msg_p5jXN8AQM9LWM0D4loKWxJek", moment, BODY, SECRET)
    assert made == wanted == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_receivers_own_package_verifies_what_is_signed():
    headers = signed("msg_1", system_clock(), BODY, [OTHER])
    assert Webhook(OTHER).verify(BODY, headers) == {"test": 2432232314}


def test_while_secrets_change_both_verify_and_no_third():
    headers = signed("msg_1", system_clock(), BODY, [OTHER, SECRET])
    for secret in (OTHER, SECRET):
        Webhook(secret).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret(lambda count: b"z" * count)).verify(BODY, headers)


@pytest.mark.parametrize("changed", [{"webhook-id": "msg_2"}, {"webhook-timestamp": "soon"}])
def test_what_is_changed_on_its_way_does_not_verify(changed):
    headers = signed("msg_1", system_clock(), BODY, [OTHER])
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(BODY, {**headers, **changed})
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(BODY + b" ", headers)


def test_a_secret_is_random_bytes_within_the_bounds_of_the_specification():
    asked = []
    text = new_secret(lambda count: asked.append(count) or b"r" * count)
    assert (asked, key_of(text)) == ([KEY_BYTES], b"r" * KEY_BYTES)


WRONG = [
    "", "whsec_", SECRET.removeprefix("whsec_"), f"whsec_{base64.b64encode(b'x' * 23).decode()}",
    f"whsec_{base64.b64encode(b'x' * 65).decode()}", "whsec_MfKQ9r8GKYqrTwjUPD8I?PZIo2LaLaSw",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_secret_is_refused_and_not_repeated(text):
    with pytest.raises(InvalidInput) as refused:
        key_of(text)
    assert not text.removeprefix("whsec_") or text.removeprefix("whsec_") not in str(refused.value)
