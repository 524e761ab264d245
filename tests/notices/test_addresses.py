"""Which addresses may be called: what a name is resolved to decides, at every try, and all of it."""

import pytest

from spillover.model.errors import InvalidInput
from spillover.notices.addresses import target_of, why_private
from spillover.notices.sending import Rules, send
from tests.notices.receivers import Receiver

INSIDE = [
    "127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "0.0.0.0", "0.1.2.3", "192.0.0.192", "198.18.0.1", "203.0.113.5", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "168.63.129.16", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1",
    "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::1", "2001::1", "2001:db8::1", "100::1",
]  # fmt: skip
OUTSIDE = ["93.184.215.14", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_of_the_public_internet_is_told_apart(address):
    assert why_private(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_what_is_of_the_public_internet_may_be_called(address):
    assert why_private(address) == ""


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["nonsense"]])
def test_a_name_is_not_called_where_one_of_its_addresses_lies_inside(addresses):
    with Receiver() as receiver:
        rules = Rules(lookup=lambda *_: addresses)
        outcome = send(f"https://hooks.example:{receiver.port}/", {}, b"{}", 0, rules)
        assert outcome.error.startswith("not called: hooks.example")
        assert (outcome.status, receiver.got) == (0, [])


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost."])
def test_other_ways_to_write_this_machine_are_not_called_either(host):
    with Receiver() as receiver:
        outcome = send(f"https://{host}:{receiver.port}/", {}, b"{}", 0, Rules(seconds=2))
        assert outcome.error.startswith(("not called", "no connection"))
        assert receiver.got == []


def test_nothing_is_sent_in_clear_text_outside_of_the_network():
    rules = Rules(allow_private=True, lookup=lambda *_: ["8.8.8.8"])
    outcome = send("http://hooks.example/", {}, b"{}", 0, rules)
    assert "only https" in outcome.error


def test_what_no_single_machine_has_is_never_called():
    for address in ("0.0.0.0", "::", "224.0.0.1", "ff02::1"):
        rules = Rules(allow_private=True, lookup=lambda *_, given=address: [given])
        assert "no single machine" in send("https://hooks.example/", {}, b"{}", 0, rules).error


REFUSED = [
    "", "hooks.example", "ftp://hooks.example/", "https://", "https:///path", "https://:443/", "https://u:p@hooks.example/",
    "https://u@hooks.example/", "https://hooks.example/#part", "https://hooks.example:0/", "https://hooks.example:70000/",
    "https://hooks.example:x/", "https://hooks example/", "https://hooks.example/\r\nx: y", "https://[::1/",
    "https://hooks.example\\@127.0.0.1/", "https://" + "a" * 2_050, "https://127.0.0.1/", "https://[::1]/",
    "https://localhost/", "https://169.254.169.254/latest", "http://hooks.example/", "https://bücher.example/", None, 7,
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_may_not_be_called_is_refused_when_it_is_given(url):
    with pytest.raises(InvalidInput) as refused:
        target_of(url)
    assert refused.value.field == "url"
    assert "p@" not in str(refused.value)


def test_with_the_operators_leave_the_own_network_may_be_called_also_in_clear_text():
    for url in ("http://127.0.0.1:3000/hook", "http://billing:3000/", "https://10.0.0.7/", "http://[::1]/"):
        target_of(url, allow_private=True)


def test_an_address_is_taken_apart_as_it_is_called():
    target = target_of("https://hooks.example/in/here?token=a%2Fb&x")
    assert (target.host, target.port, target.path) == ("hooks.example", 443, "/in/here?token=a%2Fb&x")
    assert target.authority == "hooks.example"
    assert target_of("https://[2606:4700::1111]:8443").authority == "[2606:4700::1111]:8443"
    assert target_of("https://hooks.example").path == "/"
