"""What differs between kinds of directories: defaults of options, nothing else. What the TOML says wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Preset = Literal["openldap", "active-directory", "freeipa", "389ds"]

PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    "openldap": {
        "user_filter": "(&(objectClass=inetOrgPerson)(uid={login}))",
        "id_attribute": "entryUUID",
        "groups": "search",
        "group_filter": "(&(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))"
        "(|(member={dn})(uniqueMember={dn})))",
    },
    # Rule 1.2.840.113556.1.4.1941 walks nested groups on the server; only Active Directory knows it.
    "active-directory": {
        "user_filter": "(&(objectCategory=person)(objectClass=user)"
        "(|(sAMAccountName={login})(userPrincipalName={login})(mail={login})))",
        "id_attribute": "objectGUID",
        "login_attribute": "sAMAccountName",
        "name_attribute": "displayName",
        "groups": "ad_in_chain",
        "group_filter": "(&(objectClass=group)(member={dn}))",
    },
    # memberOf names nested groups, too, and is kept by the server itself.
    "freeipa": {
        "user_filter": "(&(objectClass=posixAccount)(uid={login}))",
        "id_attribute": "ipaUniqueID",
        "groups": "member_of",
        "group_filter": "(&(objectClass=groupOfNames)(member={dn}))",
    },
    # memberOf is a plugin there that may be off, and loses groups of a circle.
    "389ds": {
        "user_filter": "(&(objectClass=inetOrgPerson)(uid={login}))",
        "id_attribute": "nsUniqueId",
        "groups": "search_nested",
        "group_filter": "(&(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))"
        "(|(member={dn})(uniqueMember={dn})))",
    },
}
