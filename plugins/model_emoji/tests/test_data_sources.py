"""Packages come from a registry once, whole, and are what was pinned; whatever goes wrong is told in one line."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import toy_emoji
from invoke_model_emoji.data import drawings, sources
from invoke_model_emoji.data.sources import Source, fetch, read_json
from invoke_model_emoji.errors import DataError


@dataclass
class Registry:
    """What it serves by path; `cut` ends the connection in the middle of every body."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    cut: bool = False


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    serving = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            serving.asked.append(self.path)
            body = serving.files.get(self.path)
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if serving.cut else body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving.url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(sources, "REGISTRY", serving.url)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield serving
        server.shutdown()


@pytest.fixture
def package(tmp_path: Path, registry: Registry) -> Source:
    """A package that the registry has."""
    file = tmp_path / "made.tgz"
    hashed = toy_emoji.pack(file, {"icons.json": toy_emoji.icons()})
    source = Source("@iconify-json/toy", "1.0.0", hashed, "MIT", "nobody")
    registry.files["/@iconify-json/toy/-/toy-1.0.0.tgz"] = file.read_bytes()
    return source


def test_a_package_is_fetched_once(package: Source, registry: Registry, tmp_path: Path) -> None:
    told: list[str] = []
    cache = tmp_path / "new" / "cache"
    file = fetch(package, cache, told.append)
    assert fetch(package, cache, told.append) == file
    assert registry.asked == ["/@iconify-json/toy/-/toy-1.0.0.tgz"]
    assert told == ["fetching @iconify-json/toy 1.0.0"]
    assert read_json(file, "icons.json") == toy_emoji.icons()


def test_a_package_that_is_not_the_pinned_one_is_refused_and_not_kept(
    package: Source, registry: Registry, tmp_path: Path
) -> None:
    path = "/@iconify-json/toy/-/toy-1.0.0.tgz"
    right = registry.files[path]
    registry.files[path] = right + b"!"
    with pytest.raises(DataError, match=r"not the pinned .* removed"):
        fetch(package, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    registry.files[path] = right
    assert fetch(package, tmp_path / "cache").read_bytes() == right


def test_a_package_that_rotted_on_the_disk_is_refused_too(package: Source, tmp_path: Path) -> None:
    file = fetch(package, tmp_path / "cache")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match="not the pinned"):
        fetch(package, tmp_path / "cache")
    assert fetch(package, tmp_path / "cache").exists()


def test_a_package_that_the_registry_does_not_have_is_named(
    package: Source, registry: Registry, tmp_path: Path
) -> None:
    registry.files.clear()
    with pytest.raises(DataError, match=r"/@iconify-json/toy/-/toy-1\.0\.0\.tgz: HTTP Error 404"):
        fetch(package, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_connection_that_breaks_off_leaves_nothing_half_written(
    package: Source, registry: Registry, tmp_path: Path
) -> None:
    registry.cut = True
    with pytest.raises(DataError, match="IncompleteRead"):
        fetch(package, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_unreachable_registry_is_told_with_the_way_to_another(
    package: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        monkeypatch.setattr(sources, "REGISTRY", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(DataError, match="NPM_CONFIG_REGISTRY"):
            fetch(package, tmp_path / "cache")


def test_a_registry_that_is_no_address_is_told(
    package: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "REGISTRY", "registry")
    with pytest.raises(DataError, match="unknown url type"):
        fetch(package, tmp_path / "cache")


def test_a_file_that_a_package_lacks_is_named(package: Source, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"toy-1\.0\.0\.tgz has no file chars\.json"):
        read_json(fetch(package, tmp_path / "cache"), "chars.json")


def test_all_that_training_needs_comes_from_the_registry(registry: Registry, toy_sources: Path, tmp_path: Path) -> None:
    for source in (sources.NAMES, *sources.STYLES.values()):
        registry.files[source.url.removeprefix(registry.url)] = (toy_sources / source.file_name).read_bytes()
    told: list[str] = []
    made = drawings.load(tmp_path / "cache", ("noto",), told.append)
    assert len(made.concepts) == 12
    assert len(registry.asked) == 3
    assert "rendering 12 drawings of style noto" in told
    assert not list((tmp_path / "cache").glob("*.part"))
    again: list[str] = []
    drawings.load(tmp_path / "cache", ("noto",), again.append)
    assert again == []


def test_every_real_package_is_pinned_by_version_and_hash_with_its_licence() -> None:
    for source in (sources.NAMES, *sources.STYLES.values()):
        assert len(source.sha512) == 88
        assert source.version
        assert source.licence
        assert source.author
