"""Options of the plugin, the TOML table `[plugins.ldap]`; the README says what each means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from invoke_auth_ldap.hygiene import usable_password
from invoke_auth_ldap.names import normal_dn
from invoke_auth_ldap.presets import PRESETS, Preset
from invoke_auth_ldap.templates import DnTemplate, FilterTemplate, TemplateError, check_filter
from invoke_host.api import PluginConfig, Secret

Groups = Literal["none", "member_of", "search", "search_nested", "ad_in_chain"]

Attribute = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")]
Seconds = Annotated[float, Field(gt=0, le=600, allow_inf_nan=False)]


def _dn(text: str) -> str:
    try:
        normal_dn(text)
    except ValueError as error:
        raise PydanticCustomError("dn", "{reason}", {"reason": str(error)}) from error
    return text


Dn = Annotated[str, AfterValidator(_dn)]


def _uri(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise PydanticCustomError("uri", "{reason}", {"reason": str(error)}) from error
    rest = parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme not in ("ldap", "ldaps") or not parts.hostname or rest or port == 0:
        raise PydanticCustomError(
            "uri", "expected ldap://HOST or ldaps://HOST, with :PORT where it is not the usual one"
        )
    return text


def _template(text: str) -> str:
    try:
        DnTemplate.of(text)
    except TemplateError as error:
        raise PydanticCustomError("template", "{reason}", {"reason": str(error)}) from error
    return text


class LdapOptions(PluginConfig):
    """How the directory is reached, how people and groups are found in it, and what follows from it here."""

    preset: Preset | None = None

    servers: Annotated[tuple[Annotated[str, AfterValidator(_uri)], ...], Field(max_length=20)]
    tls: Literal["starttls", "ldaps", "plain"] | None = None
    allow_plaintext: bool = False
    verify: bool = True
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    connect_timeout_s: Seconds = 3.0
    read_timeout_s: Seconds = 5.0
    login_timeout_s: Seconds = 10.0
    cooldown_s: Annotated[float, Field(ge=0, le=3600)] = 30.0
    threads: Annotated[int, Field(ge=1, le=64)] = 4
    queue: Annotated[int, Field(ge=0, le=10_000)] = 100

    bind: Literal["search", "template"] = "search"
    bind_templates: tuple[Annotated[str, AfterValidator(_template)], ...] = ()
    service_dn: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] | None = None
    service_password: Secret | None = None
    anonymous_search: bool = False

    base: Dn
    user_base: Dn | None = None
    user_filter: str = "(&(objectClass=person)(uid={login}))"
    account_filter: str | None = None
    id_attribute: Attribute = "entryUUID"
    login_attribute: Attribute = "uid"
    email_attribute: Attribute = "mail"
    name_attribute: Attribute = "cn"
    check_account_state: bool = True

    groups: Groups = "search"
    group_base: Dn | None = None
    group_filter: str = "(member={dn})"
    group_depth: Annotated[int, Field(ge=1, le=50)] = 10
    required_groups: tuple[Dn, ...] = ()
    denied_groups: tuple[Dn, ...] = ()
    admin_groups: tuple[Dn, ...] = ()
    group_map: Mapping[Dn, Annotated[str, StringConstraints(min_length=1, max_length=128)]] = {}
    recheck: bool = True

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("preset") in PRESETS:
            return {**PRESETS[values["preset"]], **values}
        return values

    @field_validator("user_filter", "group_filter", "account_filter")
    @classmethod
    def _filters(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is None:
            return None
        try:
            if info.field_name == "account_filter":
                return check_filter(text)
            template = FilterTemplate.of(text, ("login",) if info.field_name == "user_filter" else ("dn", "login"))
        except TemplateError as error:
            raise PydanticCustomError("template", "{reason}", {"reason": str(error)}) from error
        if info.field_name == "user_filter" and not template.login_attributes:
            raise PydanticCustomError("template", "the filter compares no attribute with {{login}}: (uid={{login}})")
        return text

    @model_validator(mode="after")
    def _together(self) -> LdapOptions:
        found = [
            InitErrorDetails(
                type=PydanticCustomError("value_error", "{reason}", {"reason": text}), loc=(key,), input=None
            )
            for key, text in (*self._about_the_channel(), *self._about_the_search(), *self._about_groups())
        ]
        if found:
            raise ValidationError.from_exception_data("ldap", found)
        return self

    def _about_the_channel(self) -> Iterator[tuple[str, str]]:
        schemes = {urlsplit(uri).scheme for uri in self.servers}
        if not schemes:
            yield "servers", "must not be empty"
        elif len(schemes) > 1:
            yield "servers", "all are ldap:// or all ldaps://, not mixed: one kind of TLS is used for all"
        elif schemes == {"ldaps"} and self.tls not in (None, "ldaps"):
            yield "tls", "ldaps:// servers speak TLS from the start; take this out, or name the servers ldap://"
        elif schemes == {"ldap"} and self.tls == "ldaps":
            yield "tls", 'tls = "ldaps" needs servers named ldaps://'
        if self.security == "plain" and not self.allow_plaintext:
            yield "tls", 'tls = "plain" sends passwords in clear text; where that is meant, say allow_plaintext = true'
        if self.ca_file is not None and not self.verify:
            yield "verify", "verify = false and ca_file exclude each other: with a ca_file certificates can be checked"
        if (self.cert_file is None) != (self.key_file is None):
            yield "cert_file", "cert_file and key_file belong together"

    def _about_the_search(self) -> Iterator[tuple[str, str]]:
        if (self.service_dn is None) != (self.service_password is None):
            yield "service_dn", "service_dn and service_password belong together"
        if self.service_password is not None and not usable_password(self.service_password.reveal()):
            yield "service_password", "is empty, blank, longer than 1024 bytes, or has a NUL in it"
        if self.bind == "search" and self.service_dn is None and not self.anonymous_search:
            yield (
                "service_dn",
                "people are searched for: set service_dn and service_password, or anonymous_search = true",
            )
        if self.service_dn is not None and self.anonymous_search:
            yield "anonymous_search", "anonymous_search and service_dn exclude each other"
        if self.bind == "template" and not self.bind_templates:
            yield "bind", 'bind = "template" needs bind_templates'
        if self.bind == "search" and self.bind_templates:
            yield "bind_templates", 'bind_templates are used with bind = "template" only'
        if not self.can_search and self.recheck and self.bind == "template":
            yield (
                "recheck",
                "needs service_dn or anonymous_search, to look people up again after the login; or say recheck = false",
            )

    def _about_groups(self) -> Iterator[tuple[str, str]]:
        if self.groups == "none" and (
            self.required_groups or self.denied_groups or self.admin_groups or self.group_map
        ):
            yield (
                "groups",
                'groups = "none" leaves nothing for required_groups, denied_groups, admin_groups and group_map',
            )

    @property
    def security(self) -> Literal["starttls", "ldaps", "plain"]:
        """How connections are protected."""
        if self.tls is not None:
            return self.tls
        return "ldaps" if any(uri.startswith("ldaps:") for uri in self.servers) else "starttls"

    @property
    def can_search(self) -> bool:
        """Whether people can be looked up without their password."""
        return self.service_dn is not None or self.anonymous_search
