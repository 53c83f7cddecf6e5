"""Settings of the gateway, from the environment with the prefix ``ECHOCAST_``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from echocast.workers.runtime.machine import GIB, MIB
from echocast.workers.settings import WorkerSettings

KIB = 1024
GATEWAY_BYTES = GIB  # of the gateway itself
DECODER_BYTES, RENDERER_BYTES = 2560 * MIB, 4096 * MIB
LEAST_CHILD_BYTES = 512 * MIB
PREFIX: Final = "ECHOCAST_"
CLIENTS_KEY: Final = "ECHOCAST_KEY"  # the secret that `echocast watch` and `replay` send
OF_TESTS: Final = "ECHOCAST_TEST_"


class ServiceSettings(WorkerSettings):
    """What a deployment may change about the gateway, beside what it shares with the workers.

    Built once at the edge of a process, then passed down.
    """

    host: str = "127.0.0.1"
    """Address to listen on. Any but a loopback address needs keys."""

    allowed_hosts: str = ""
    """More host names, separated by ``,``, under which callers may reach a service without keys,
    e.g. that of a proxy before it; loopback names and ``host`` always may."""

    port: int = Field(default=8000, ge=0, le=65535)
    """TCP port to listen on; 0 takes a free one."""

    keys: str = ""
    """API keys, separated by ``;``, each ``<sha256 hex> <scope> <name> [options]``; scope is read,
    submit or admin, and each includes those before it. Options: ``jobs=own`` shows the key only
    the nowcasts that its caller asked for, ``streams=a,b`` only these streams, ``weight=2`` gives
    it twice the share of the workers that a key has by default, from ``expires=2027-01-31`` on it
    is refused."""

    keys_file: Path | None = None
    """File with one key per line, written as in ``keys``; ``#`` starts a comment. It is read again
    when it changes."""

    access_log: bool = False
    """Whether every answer has a line in the log; refusals always have one."""

    audit_limit_bytes: int = Field(default=10 * MIB, ge=1000)
    """Size of the audit log from which on the next file begins, in bytes; ten files remain."""

    head_limit_bytes: int = Field(default=64 * KIB, ge=1000)
    """Largest head (request line and headers) of a request, in bytes."""

    head_timeout_seconds: float = Field(default=10.0, gt=0)
    """Longest time a head may take to arrive, in seconds, even where no byte of it comes."""

    connection_limit: int = Field(default=1000, ge=1)
    """Most connections at once (count), and never more than half of the process's open files."""

    address_connection_limit: int = Field(default=800, ge=1)
    """Most connections at once of one address (count); behind a proxy all have the proxy's."""

    body_limit_bytes: int = Field(default=256 * MIB, ge=1)
    """Largest request body, in bytes, enforced while it arrives."""

    upload_timeout_seconds: float = Field(default=300.0, gt=0)
    """Longest time a request body may take to arrive, in seconds."""

    upload_files_limit: int = Field(default=1000, ge=1)
    """Most files in one multipart upload (count)."""

    decode_processes: int = Field(default=2, ge=1)
    """Warm child processes that decode uploads (count)."""

    render_processes: int = Field(default=1, ge=1)
    """Warm child processes that render forecasts (count)."""

    decode_memory_bytes: int | None = Field(default=None, ge=256 * MIB)
    """Address space of one decoding child, in bytes. All children together, and 1 GiB for the
    gateway itself, must fit into the memory of its container; unset: 2.5 GiB, or less where that
    would not fit, but 512 MiB."""

    render_memory_bytes: int | None = Field(default=None, ge=512 * MIB)
    """Address space of one rendering child, in bytes; it holds whole forecasts. Unset: 4 GiB, or
    less in the same way."""

    decode_timeout_seconds: float = Field(default=120.0, gt=0)
    """Longest wall and CPU time to decode one upload or render one forecast, in seconds."""

    decode_backlog: int = Field(default=64, ge=1)
    """Most uploads that wait for a decoding child (count); more are answered 503."""

    wait_limit_seconds: float = Field(default=30.0, ge=0)
    """Longest wait that ``Prefer: wait=N`` is granted, in seconds."""

    drain_seconds: float = Field(default=1.0, ge=0, le=10)
    """How long the gateway answers on when it was asked to stop, in seconds: ``/readyz`` says that
    it is not ready, and nobody waits for a nowcast any longer."""

    worker_tolerance_seconds: float = Field(default=60.0, ge=0)
    """How long no worker may have been seen before new nowcasts are refused, in seconds."""

    retry_after_seconds: int = Field(default=5, ge=1)
    """What ``Retry-After`` says when the service cannot take a nowcast now, in seconds."""

    rate_per_minute: int = Field(default=1200, ge=0)
    """Submissions a minute allowed to one key (or address, without keys); 0: no limit."""

    renderings_per_minute: int = Field(default=1200, ge=0)
    """Forecasts a minute that one key (or address) may have rendered; 0: no limit. A NetCDF file
    is not rendered."""

    uploads_at_a_time: int = Field(default=64, ge=0)
    """Uploads of one key (or address) that may arrive at the same time (count); 0: no limit."""

    maps_public: bool = False
    """Whether maps, their images and tiles of all streams are for everybody: without a key, and for
    pages of other sites. Else a key of scope read is needed, which programs that show tiles send as
    ``?key=``."""

    tiles_stream: str = Field(default="", max_length=64)
    """Stream of ``/public/weather-maps.json`` and ``/v2/radar``, whose paths name none; unset: the
    only one that there is."""

    public_url: str = Field(default="", max_length=200)
    """Scheme, name and port under which people, and programs that show tiles, reach this service,
    e.g. ``https://radar.example.org``; unset: what a request was sent to. `echocast prometheus`
    writes it down for the links of alerts."""

    metrics_by_lead: bool = False
    """Whether each lead time of a stream has series of its own at ``/metrics``; else all lead times
    together have, ten times fewer."""

    refusals_per_minute: int = Field(default=30, ge=0)
    """Uploads a minute of one key (or address) that are refused at once (count), as they can't be
    used: those of ten seconds in one moment, and always the first one. Refusals beyond come one
    after the other in this pace, each at most ten seconds late; 0: all at once."""

    sources_dir: Path | None = None
    """Folder with files of own sources, beside those that are shipped; unset: none."""

    fetch_sources: str = ""
    """Names of the sources whose images `echocast fetch` fetches, separated by ``,``; each becomes
    a stream of its name."""

    fetch_stream: str = ""
    """Name of the stream, where there is one source; empty: the name of the source."""

    fetch_at: str | None = None
    """Latitude,longitude in degrees, around which images are cut out; unset: the whole images."""

    fetch_radius_km: float = Field(default=200.0, gt=0, le=2000)
    """How far forecasts reach around that place, in km; images are cut out as much further as rain
    moves at 60 km/h until the last lead time."""

    fetch_url: str = ""
    """Base URL of the service that frames are sent to; empty: this machine's."""

    fetch_key_file: Path | None = None
    """File with the API key that is sent to the service; unset: the one in ``ECHOCAST_KEY``."""

    fetch_contact: str = Field(default="", max_length=200, pattern=r"^[\x21-\x7e]*$")
    """Where agencies find who asks: an address of a page or of mail; a part of ``User-Agent``."""

    fetch_image_limit_bytes: int = Field(default=256 * MIB, ge=1)
    """Largest image that is fetched, in bytes."""

    fetch_allow_private: bool = False
    """DANGEROUS: whether sources may be hosts of this machine or its network, and loopback ones
    without TLS. For tests, and for a mirror of your own that you trust."""

    mqtt_url: str = ""
    """Broker to which ``echocast mqtt`` publishes the rain at places for Home Assistant, e.g.
    ``mqtt://user@broker:1883`` or ``mqtts://broker``; empty: ``echocast up`` publishes nothing."""

    mqtt_password_file: Path | None = None
    """File with the password of that user."""

    mqtt_places: str = ""
    """Those places, separated by ``;``, each ``name=latitude,longitude`` in degrees."""

    mqtt_stream: str = Field(default="", max_length=64)
    """The stream whose rain it is."""

    mqtt_seconds: float = Field(default=30.0, ge=0.1, le=3600)
    """Seconds between two states of a place. After four of them without one, and two minutes, Home
    Assistant shows that nothing is known."""

    mqtt_language: Literal["en", "de", "fr"] = "en"
    """Language of the sentence."""

    mqtt_time_zone: str = Field(default="", max_length=64)
    """Time zone of the sentence, e.g. ``Europe/Zurich``; empty: UTC, which it then says."""

    mqtt_discovery_prefix: str = Field(default="homeassistant", pattern="^[A-Za-z0-9_/-]{1,100}$")
    """Topic under which Home Assistant looks for devices."""

    mqtt_service_url: str = ""
    """Base URL of the service that is asked for the rain; empty: this machine's."""

    mqtt_key_file: Path | None = None
    """File with the API key (scope read) that is sent to it; unset: the one in
    ``ECHOCAST_KEY``."""

    notify_hosts: str = ""
    """Hosts, separated by ``,``, to which messages about rain may be sent, e.g. ``ntfy.example,
    smtp.example``; empty: none, rules are refused, and ``echocast up`` sends nothing."""

    notify_seconds: float = Field(default=30.0, ge=0.1, le=3600)
    """Seconds between two looks of ``echocast notify`` at the rain of a rule."""

    notify_service_url: str = ""
    """Base URL of the service that it asks for the rain; empty: this machine's."""

    notify_key_file: Path | None = None
    """File with the API key (scope read) that is sent to it; unset: the one in
    ``ECHOCAST_KEY``."""

    workers: int = Field(default=1, ge=1)
    """Worker processes of ``echocast up`` (count), which share the CPUs."""

    base_map_url: str = ""
    """Address of map tiles under the rain of the page, with ``{z}``, ``{x}`` and ``{y}``; browsers
    then ask that host for them. Empty: coasts and borders alone, and no other host is asked."""

    base_map_attribution: str = ""
    """Whom the page thanks for the tiles, as plain text."""

    @property
    def decoder_bytes(self) -> int:
        """Address space of one decoding child."""
        return self.decode_memory_bytes or self._fitting(DECODER_BYTES)

    @property
    def renderer_bytes(self) -> int:
        """Address space of one rendering child."""
        return self.render_memory_bytes or self._fitting(RENDERER_BYTES)

    def _fitting(self, usual_bytes: int) -> int:
        """What a child usually has, or its share of what there is for all of them."""
        usual = self.decode_processes * DECODER_BYTES + self.render_processes * RENDERER_BYTES
        share = min(1.0, (self.usable_memory_bytes - GATEWAY_BYTES) / usual)
        return max(LEAST_CHILD_BYTES, int(share * usual_bytes))

    @property
    def children_bytes(self) -> int:
        """Address space of all children together."""
        decoders = self.decode_processes * self.decoder_bytes
        return decoders + self.render_processes * self.renderer_bytes

    @property
    def audit_directory(self) -> Path:
        """Folder of the audit log."""
        return self.data_dir / "audit"

    @property
    def rules_folder(self) -> Path:
        """Folder of the rules of messages."""
        return self.data_dir / "rules"

    @property
    def host_names(self) -> tuple[str, ...]:
        """Names of this service besides the loopback ones."""
        more = (name.strip() for name in self.allowed_hosts.split(","))
        return (self.host, *(name for name in more if name))

    @property
    def is_loopback(self) -> bool:
        """True where only this machine can reach the address we listen on."""
        return is_loopback_host(self.host)


def is_loopback_host(host: str) -> bool:
    """True for ``localhost`` and for loopback addresses, an IPv6 one without its brackets."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def unknown_settings(variables: Iterable[str]) -> Iterator[str]:
    """A sentence for each variable that looks like a setting and is none, with the nearest one.

    Args:
        variables: Names in the environment.
    """
    of_us = {name.upper() for name in variables if name.upper().startswith(PREFIX)}
    known = {CLIENTS_KEY, *(PREFIX + name.upper() for name in ServiceSettings.model_fields)}
    for name in sorted(of_us - known):
        if not name.startswith(OF_TESTS):
            nearest = get_close_matches(name[len(PREFIX) :], [k[len(PREFIX) :] for k in known], 1)
            meant = f" Did you mean {PREFIX}{nearest[0]}?" if nearest else ""
            yield f"There is no setting {name}; it changes nothing.{meant}"
