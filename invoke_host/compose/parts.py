"""The parts of one host that several others are made of: made of the open storage, and not started yet."""

from __future__ import annotations

from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from invoke_host.access import AccessEngine
from invoke_host.api import BlobStore, Executor
from invoke_host.clock import Clock
from invoke_host.compose.accounts import Accounts, make_accounts
from invoke_host.compose.sight import BoardSight
from invoke_host.config import LoadedConfig
from invoke_host.events.hub import EventHub
from invoke_host.identity.afresh import Owners, owners
from invoke_host.identity.authenticate import Authenticator, only_system
from invoke_host.images.downloads.service import Downloads
from invoke_host.models.service import ModelCatalog
from invoke_host.pictures.client import PictureDecoder
from invoke_host.pictures.process import DecoderSettings
from invoke_host.plugins import Offers, PluginRegistry
from invoke_host.root import HostRoot
from invoke_host.storage import Storage


@dataclass(frozen=True, slots=True)
class Parts:
    """What `make_parts` made."""

    loaded: LoadedConfig
    log: FilteringBoundLogger
    clock: Clock
    registry: PluginRegistry
    offers: Offers
    storage: Storage
    blobs: BlobStore
    access: AccessEngine
    accounts: Accounts
    authenticator: Authenticator
    models: ModelCatalog
    hub: EventHub
    executor: Executor
    decoder: PictureDecoder
    owners: Owners
    downloads: Downloads


def make_parts(
    loaded: LoadedConfig,
    log: FilteringBoundLogger,
    clock: Clock,
    registry: PluginRegistry,
    offers: Offers,
    storage: Storage,
    blobs: BlobStore,
) -> Parts:
    """Raises StartupError if a login provider refuses the address, or the keys of sessions can't be used."""
    config = loaded.config
    providers = offers.providers()
    accounts = make_accounts(loaded, log, clock, storage, providers)
    single_user = config.single_user
    authenticator = Authenticator(
        providers,
        log=log,
        on_unavailable=config.auth.on_unavailable,
        resolve=only_system if single_user else accounts.resolve,
        credentials=None if single_user else accounts.credentials,
    )
    authenticator.check_bind(config.server.host)
    access = AccessEngine(offers.actions(), offers.resource_types(), offers.policies())
    who = owners(storage, access, single_user=single_user)
    return Parts(
        loaded=loaded,
        log=log,
        clock=clock,
        registry=registry,
        offers=offers,
        storage=storage,
        blobs=blobs,
        access=access,
        accounts=accounts,
        authenticator=authenticator,
        models=ModelCatalog(
            offers.models(),
            loaded.path(config.generation.models_dir, "models"),
            default=config.generation.default_model,
        ),
        hub=EventHub(
            storage,
            clock,
            log,
            concurrent_writers=storage.backend.capabilities.concurrent_writers,
            recheck=None if single_user else accounts.credentials.recheck,
            sight=BoardSight(storage, access),
        ),
        executor=offers.executor(),
        decoder=PictureDecoder(log, DecoderSettings(max_pixels=config.images.max_upload_megapixels * 1_000_000)),
        owners=who,
        downloads=Downloads(
            storage,
            blobs,
            access,
            clock,
            log,
            folder=HostRoot(loaded.root).downloads,
            owners=who,
            keep_minutes=config.images.download_minutes,
        ),
    )
