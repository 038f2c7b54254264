"""The environment: where we listen, how much we hold, what we tell about ourselves. Every number has a limit."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.config._loopback import is_loopback


class Role(StrEnum):
    """A part of the work one process can do; without a choice it does all of it."""

    WEB = "web"  # the webhook door and health, over HTTP
    GRPC = "grpc"  # the typed API
    WORKER = "worker"  # commands, projection, delivery, upkeep
    SUBSCRIBER = "subscriber"  # Salesforce's event stream


def default_data_dir() -> Path:
    """Return where the embedded PostgreSQL keeps its data: outside home folders for root, which must open them."""
    if os.geteuid() == 0:
        return Path("/var/lib/counterfoil")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "counterfoil"


class Settings(BaseSettings):
    """Settings from environment variables named `COUNTERFOIL_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix="COUNTERFOIL_",
        env_ignore_empty=True,  # a variable left empty in an env file means its default
        frozen=True,
        extra="ignore",
    )

    config_file: Path = Field(
        default=Path("counterfoil.yaml"), description="The YAML file: entities, Stripe accounts, Salesforce orgs."
    )

    database_url: SecretStr | None = Field(
        default=None, description="postgresql://user:password@host/database, 15 or later; none starts the embedded one."
    )
    database_url_file: Path | None = Field(default=None, description="A file holding the URL, instead of the URL.")
    database_pool_size: int = Field(default=10, ge=2, le=100, description="Connections a process may open.")
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder of the embedded PostgreSQL. Default: /var/lib/counterfoil for root, else "
        "$XDG_DATA_HOME/counterfoil or ~/.local/share/counterfoil.",
    )
    allow_embedded_live: bool = Field(
        default=False, description="Consent to live keys on the embedded PostgreSQL, whose socket trusts local users."
    )
    migrate_on_start: bool = Field(
        default=False, description="Apply migrations before serving; always on with the embedded PostgreSQL."
    )

    encryption_keys_file: Path | None = Field(
        default=None,
        description="Keyring that customers' content is encrypted with at rest ('counterfoil keys new' writes its "
        "entries); read again when it changes. None stores it as it is.",
    )
    encryption_unwrap_command: str | None = Field(
        default=None,
        description="Command that reads a wrapped key of the keyring from stdin and prints the key in base64.",
    )
    encryption_wrap_command: str | None = Field(
        default=None, description="Command that does the reverse, for 'counterfoil keys new'."
    )
    encryption_key_service: str | None = Field(
        default=None,
        pattern=r"^[\w.]+:\w+$",
        description="A class of yours that wraps and unwraps keys, as package.module:Class, instead of the commands.",
    )

    web_host: str = Field(
        default="127.0.0.1", description="Address of webhooks and health; put a proxy that speaks TLS before it."
    )
    web_port: int = Field(default=8080, ge=0, le=65535, description="Its port; 0 takes a free one.")
    grpc_host: str = Field(default="127.0.0.1", description="Address of the gRPC API.")
    grpc_port: int = Field(default=50051, ge=0, le=65535, description="Its port; 0 takes a free one.")
    grpc_tls_cert_file: Path | None = Field(
        default=None, description="PEM certificate of the gRPC API, with its chain; read again when it changes."
    )
    grpc_tls_key_file: Path | None = Field(default=None, description="PEM private key of that certificate.")
    grpc_tls_client_ca_file: Path | None = Field(
        default=None,
        description="PEM of the authority of callers' certificates: every connection then needs one (mutual TLS).",
    )
    grpc_allow_anonymous: bool = Field(
        default=False,
        description="Consent to callers who are not asked who they are, on an address other machines can reach.",
    )
    grpc_allow_plaintext: bool = Field(
        default=False, description="Consent to gRPC without TLS on an address other machines can reach."
    )
    watchers_limit: int = Field(
        default=2000, ge=1, le=20_000, description="WatchPayments calls a process serves at the same time."
    )
    watch_heartbeat_seconds: float = Field(
        default=15, ge=0.1, le=300, description="How often a watcher hears of nothing new."
    )
    ready_file: Path | None = Field(default=None, description="Written when ready, with the addresses, as JSON.")

    webhook_max_body_bytes: int = Field(
        default=1_048_576, ge=1024, le=16_777_216, description="A longer webhook is refused with 413."
    )
    webhook_tolerance_seconds: int = Field(
        default=300, ge=1, le=3600, description="Greatest age and lead of a webhook's signature."
    )
    intake_queue_limit: int = Field(default=4096, ge=1, le=100_000, description="Events waiting for a commit.")
    intake_batch_limit: int = Field(default=256, ge=1, le=2000, description="Events sharing one commit.")

    worker_concurrency: int = Field(default=8, ge=1, le=200, description="Commands carried out at the same time.")
    worker_heartbeat_seconds: float = Field(
        default=2, ge=0.1, le=60, description="How often a worker says that it lives."
    )
    worker_stalled_seconds: float = Field(
        default=10,
        ge=0.3,
        le=600,
        description="After this silence its commands are retaken; more than twice the heartbeat.",
    )
    command_attempts: int = Field(default=100, ge=1, le=1000, description="Then a command ends as FAILED.")
    lease_seconds: float = Field(default=10, ge=0.5, le=300, description="How long a claim on rows or a stream holds.")
    projection_batch_limit: int = Field(default=200, ge=1, le=500, description="Changed objects looked at together.")
    delivery_batch_limit: int = Field(
        default=200, ge=1, le=200, description="Records sent in one call; Salesforce takes at most 200."
    )
    delivery_attempts: int = Field(
        default=20, ge=1, le=100, description="Then a record that Salesforce refuses is put aside as dead."
    )
    poll_seconds: float = Field(default=1, ge=0.05, le=60, description="Longest sleep of a loop that nobody wakes.")
    sweep_hours: int = Field(
        default=1, ge=1, le=168, description="How often Stripe's events are compared with those that arrived."
    )
    retention_days: int = Field(
        default=90,
        ge=31,
        le=3650,
        description="How long the ids of handled events are kept, by which a repetition is known; longer than the 30 "
        "days that Stripe lists events.",
    )
    retention_payload_days: int = Field(
        default=30, ge=7, le=3650, description="How long their texts are kept; longer than Salesforce's 72 hours."
    )
    retention_request_days: int = Field(
        default=90, ge=2, le=3650, description="How long a settled request keeps what it says of people."
    )
    retention_deleted_days: int = Field(
        default=35, ge=31, le=3650, description="How long an object that was deleted in Stripe keeps it."
    )
    retention_reaction_days: int = Field(
        default=90, ge=35, le=3650, description="How long reactions are kept that Salesforce took."
    )
    retention_run_days: int = Field(default=400, ge=31, le=3650, description="How long ended sweeps and backfills are.")
    drain_seconds: float = Field(default=20, ge=1, le=600, description="Longest time to finish work after SIGTERM.")

    telemetry_exporter: Literal["none", "console", "otlp"] = Field(
        default="none", description="Where traces, metrics and logs go besides the log on stderr."
    )
    otlp_endpoint: str = Field(
        default="http://127.0.0.1:4317", pattern=r"^https?://", description="Collector of 'otlp', over gRPC."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")
    log_format: Literal["json", "console"] = Field(default="json", description="One JSON object a line, or for eyes.")

    @property
    def grpc_reachable(self) -> bool:
        """Whether other machines can reach the gRPC API."""
        return not is_loopback(self.grpc_host)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.database_url is not None and self.database_url_file is not None:
            raise ValueError("database_url and database_url_file are both set: keep one")
        if self.encryption_unwrap_command is not None and self.encryption_key_service is not None:
            raise ValueError("encryption_unwrap_command and encryption_key_service are both set: keep one")
        if (self.grpc_tls_cert_file is None) != (self.grpc_tls_key_file is None):
            raise ValueError("grpc_tls_cert_file and grpc_tls_key_file belong together: set both or none")
        if self.grpc_tls_client_ca_file is not None and self.grpc_tls_cert_file is None:
            raise ValueError("grpc_tls_client_ca_file needs grpc_tls_cert_file and _key_file: set them too")
        if self.grpc_tls_cert_file is None and self.grpc_reachable and not self.grpc_allow_plaintext:
            raise ValueError(
                "grpc_host can be reached by other machines without TLS: set grpc_tls_cert_file and _key_file"
            )
        if self.worker_stalled_seconds <= self.worker_heartbeat_seconds * 2:
            raise ValueError("worker_stalled_seconds must be more than twice worker_heartbeat_seconds: raise it")
        return self
