"""Whatever somebody types as a name stays one value in a filter and one value in a DN."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from invoke_auth_ldap.names import normal_dn
from invoke_auth_ldap.templates import DnTemplate, FilterTemplate, TemplateError
from ldap3 import DEREF_NEVER, SUBTREE
from ldap3.operation.search import search_operation
from ldap3.utils.dn import parse_dn
from pyasn1.codec.ber import encoder

FILTER = FilterTemplate.of("(&(objectClass=person)(uid={login}))", ("login",))
DN = DnTemplate.of("uid={login},ou=people,dc=example,dc=org")

#: Specials of both grammars often, everything else sometimes; no surrogates and no NUL, which come no further.
names = st.text(
    st.sampled_from('\\*()&|!=<>~:;,+"#/ \t\n\r aA0{}%\u00e9\u200b\u202e\uff21\U0001f98a')
    | st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    min_size=1,
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(names)
@example(" ")
@example("*")
@example("\\2a")
@example(")(uid=*")
def test_a_filter_compares_with_exactly_what_was_typed(name: str) -> None:
    text = FILTER.fill({"login": name})
    sent = search_operation("dc=x", text, SUBTREE, DEREF_NEVER, ["1.1"], 0, 0, False, True, True)
    parts = sent["filter"]["and"]
    assert len(parts) == 2
    assert bytes(parts[1]["equalityMatch"]["assertionValue"]) == name.encode()
    assert bytes(parts[1]["equalityMatch"]["attributeDesc"]) == b"uid"
    assert name.encode() in encoder.encode(sent)


@settings(max_examples=300, deadline=None)
@given(names)
@example(" ")
@example("#04")
@example("x\\")
@example("alice,ou=admins")
@example("alice+cn=admin")
def test_a_dn_has_exactly_what_was_typed_in_its_first_value(name: str) -> None:
    parts = parse_dn(DN.fill(name))
    assert [(kind, separator) for kind, _, separator in parts] == [("uid", ","), ("ou", ","), ("dc", ","), ("dc", "")]
    assert [value for _, value, _ in parts[1:]] == ["people", "example", "org"]
    assert plain(parts[0][1]) == name


@settings(max_examples=200, deadline=None)
@given(names.filter(str.strip))
def test_a_dn_means_the_same_in_every_way_to_write_it(name: str) -> None:
    ours = normal_dn(f"cn={DN.fill(name).partition('=')[2]}")
    assert normal_dn(ours) == ours
    shouted = re.sub(r"\\[0-9a-f]{2}", lambda found: found[0].upper(), DN.fill(name))
    assert normal_dn(f"CN={shouted.partition('=')[2]}".replace(",ou=", " , OU = ")) == ours


def plain(value: str) -> str:
    """RFC 4514 section 3, read by another hand than the one that wrote it."""
    data, at = bytearray(), 0
    raw = value.encode()
    while at < len(raw):
        if raw[at : at + 1] == b"\\":
            data.append(int(raw[at + 1 : at + 3], 16))
            at += 3
        else:
            assert raw[at : at + 1] not in b',+"<>;=#\\ \0', f"{value!r} is not escaped"
            data.append(raw[at])
            at += 1
    return data.decode()


def test_what_ends_a_name_for_some_servers_is_never_put_in() -> None:
    for fill in (lambda: FILTER.fill({"login": "alice\0"}), lambda: DN.fill("alice\0")):
        with pytest.raises(TemplateError):
            fill()


@pytest.mark.parametrize("name", ["CORP\\admin", "a@b", "cn=admin,dc=x", "a/b", '"a"', "a;b", "a|b", "a*"])
def test_a_principal_name_takes_only_names(name: str) -> None:
    template = DnTemplate.of("{login}@example.org")
    assert template.fill("alice.liddell") == "alice.liddell@example.org"
    assert not template.fits(name)
    with pytest.raises(TemplateError):
        template.fill(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cn=Painters,ou=groups,dc=x", "CN=painters, OU=Groups , DC=X"),
        ("cn=a\\2Cb,dc=x", "cn=a\\,b,dc=x"),
        ("cn=a\\2cb,dc=x", 'cn="a,b",dc=x'),
        ("cn=zo\\C3\\AB,dc=x", "cn=zoë,dc=x"),
        ("cn=a  b,dc=x", "cn=a b,dc=x"),
        ("cn=a\\20b,dc=x", "cn=a b,dc=x"),
        ("commonName=a,domainComponent=x", "2.5.4.3=a,dc=x"),
        ("cn=a+ou=b,dc=x", "OU=b + cn=A,dc=x"),
        ("cn=\\23a,dc=x", "cn=\\#a,dc=x"),
    ],
)
def test_dns_that_mean_the_same_are_equal(one: str, other: str) -> None:
    assert normal_dn(one) == normal_dn(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cn=a,ou=b,dc=x", "cn=a,ou=c,dc=x"),
        ("cn=a\\,ou=b,dc=x", "cn=a,ou=b,dc=x"),
        ("cn=a\\+b=c,dc=x", "cn=a+b=c,dc=x"),
        ("cn=a,dc=x", "cn=a,dc=x,dc=y"),
        ("cn=admins,dc=x", "ou=admins,dc=x"),
        ("cn=a b,dc=x", "cn=ab,dc=x"),
    ],
)
def test_dns_that_mean_something_else_differ(one: str, other: str) -> None:
    assert normal_dn(one) != normal_dn(other)


@pytest.mark.parametrize("text", ["", "painters", "cn=", "=x", "cn=a,,dc=x", "cn=a,", ",cn=a", "cn=a\\", "\0"])
def test_what_is_no_dn_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        normal_dn(text)
