"""Every setting of the service, read once from the environment (prefix `GRADER_`) and frozen."""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from grader_service import keys
from grader_service.errors import CannotStart
from grader_service.keys import NamedKey

MEBIBYTE = 1024 * 1024

FuzzyFunction = Literal[
    "ratio",
    "partial_ratio",
    "token_sort_ratio",
    "token_set_ratio",
    "token_ratio",
    "partial_token_sort_ratio",
    "partial_token_set_ratio",
    "partial_token_ratio",
    "WRatio",
    "QRatio",
]
"""The functions of `rapidfuzz.fuzz` that compare two texts."""


def _named_keys(value: Any) -> Any:
    return keys.parse(value, bare=True) if isinstance(value, str) else value


def _words(value: Any) -> Any:
    """`a, b` as two words."""
    if not isinstance(value, str):
        return value
    return tuple(word.strip() for word in value.split(",") if word.strip())


class Settings(BaseSettings):
    """Each field is the environment variable `GRADER_` + its name in capitals; descriptions are the README's table."""

    model_config = SettingsConfigDict(
        env_prefix="GRADER_",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        populate_by_name=True,
    )

    # --- server
    host: str = Field(
        "127.0.0.1",
        description="Address to listen on; others than loopback need `GRADER_API_KEYS`.",
    )
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    processes: int = Field(
        1,
        ge=1,
        le=256,
        description="Server processes on the port (`serve --workers`); limits hold for all of them together.",
    )
    api_keys: Annotated[tuple[NamedKey, ...], NoDecode, BeforeValidator(_named_keys)] = Field(
        (),
        description="Who may call: `name:key,other:key`, or bare keys; empty lets everybody on loopback in.",
    )
    api_keys_file: Path | None = Field(
        None,
        description="File with such keys, one `name:key` a line, in place of `GRADER_API_KEYS`; changes are followed.",
    )
    catalogue: Path | None = Field(
        None,
        description="Folder of `NAME.json` / `NAME.yaml` grader files, served as `POST /graders/NAME`.",
    )
    max_body_bytes: int = Field(
        MEBIBYTE,
        ge=1024,
        description="Largest request body; a larger one is answered 413 before it is read.",
    )
    max_in_flight: int = Field(
        512,
        ge=1,
        description="Requests graded at once; one more is answered 429 with `Retry-After`.",
    )
    batch_concurrency: int = Field(
        32,
        ge=1,
        le=1000,
        description="Rows of one batch that are graded at once; rows of all batches are at most `GRADER_MAX_IN_FLIGHT`.",
    )
    deadline_seconds: float = Field(
        300.0,
        gt=0,
        description="Longest time for a request's body to come (then 408), and for its grade (then it fails as `deadline_exceeded`).",
    )
    shutdown_seconds: float = Field(
        150.0, ge=0, description="How long SIGTERM waits for the requests in flight."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log line to write; each grade is one `info` line."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto",
        description="Log lines as JSON or for people; `auto` looks whether a terminal reads them.",
    )
    otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$",
        validation_alias=AliasChoices("grader_otlp_endpoint", "otel_exporter_otlp_endpoint"),
        description="OTLP/HTTP collector for traces, as `http://HOST:4318` (needs the extra `otel`); `OTEL_EXPORTER_OTLP_ENDPOINT` is read, too.",
    )

    # --- commands that ask a server
    server_key: SecretStr | None = Field(None, description="API key that `grade --server` sends.")

    # --- files and evals
    data_dir: Path = Field(
        Path(".grader_data"),
        description="Folder of the database of files, evals and runs, where `GRADER_DATABASE_URL` names none.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL in place of `GRADER_DATA_DIR`, as `postgresql://USER:PASSWORD@HOST/NAME`; several servers may share it (needs the extra `postgres`).",
    )
    max_file_bytes: int = Field(
        512 * MEBIBYTE, ge=1024, description="Largest file that can be uploaded."
    )
    max_run_bytes: int = Field(
        256 * MEBIBYTE,
        ge=1024,
        description="Largest request body that creates a run; its rows may stand in it.",
    )
    eval_concurrency: int = Field(
        64, ge=1, description="Rows of all runs that one server grades at once."
    )
    retention_days: float | None = Field(
        None,
        gt=0,
        description="Days after which the output items of a finished run are deleted; empty keeps them.",
    )

    webhook_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)] = Field(
        (),
        description="Hosts that webhooks may be sent to, written as in `GRADER_ENDPOINT_HOSTS`; empty turns them off.",
    )

    # --- similarity
    nltk_data: Path = Field(
        Path(".nltk_data"), description="Folder of the NLTK data that `make install` fetches."
    )
    fuzzy_function: FuzzyFunction = Field(
        "WRatio", description="Function of `rapidfuzz.fuzz` behind the metric fuzzy_match."
    )
    similarity_timeout_seconds: float = Field(
        20,
        gt=0,
        description="Seconds that comparing two long texts may take; a wait for a worker, as long at most, comes on top.",
    )
    similarity_max_characters: int = Field(
        4 * MEBIBYTE, ge=0, description="Length of the longest text that text_similarity takes."
    )

    # --- workers
    workers: int = Field(
        2,
        ge=1,
        description="Processes for long texts and other heavy work, of each server process, started when first needed.",
    )
    worker_memory_mebibytes: int = Field(
        1024, ge=64, description="Memory that the work of one such process may take (on Linux)."
    )

    # --- sandbox
    sandbox: Literal["auto", "docker", "bubblewrap", "off"] = Field(
        "auto",
        description="Engine for python graders: `docker`, `bubblewrap`, `off`, or `auto`, the first that works.",
    )
    docker_host: str | None = Field(
        None,
        validation_alias=AliasChoices("grader_docker_host", "docker_host"),
        description="Address of the container engine (`unix:///…`); `DOCKER_HOST` is read, too.",
    )
    sandbox_runtime: str | None = Field(
        None, description="Another OCI runtime for the containers, such as `runsc` or `kata`."
    )
    sandbox_image: str = Field(
        "grader-sandbox",
        description="Name of the sandbox image; the grader's `image_tag` is its tag.",
    )
    sandbox_packages: Path = Field(
        Path(".sandbox_packages"),
        description="Folder of the hosted list's packages, for bubblewrap.",
    )
    sandbox_workers: int = Field(
        0, ge=0, le=1000, description="Most warm workers at any time; 0 means 8 for each CPU."
    )
    sandbox_spares: int = Field(
        1, ge=0, le=100, description="Workers kept ready for unseen graders."
    )
    sandbox_queue: int = Field(1000, ge=0, description="Most grades that wait for a worker.")
    sandbox_queue_seconds: float = Field(
        60.0, gt=0, description="Longest wait for a worker, in seconds."
    )
    sandbox_timeout_seconds: float = Field(
        120.0, gt=0, le=3600, description="Time limit of one python grade, in seconds."
    )
    sandbox_memory_bytes: int = Field(
        2 * 1024 * MEBIBYTE,
        ge=128 * MEBIBYTE,
        description="Memory limit of one python grade, in bytes; what it writes to /tmp counts.",
    )

    # --- judge
    llm_base_url: str | None = Field(
        None,
        description="OpenAI-compatible API for score_model and label_model graders, and for models that are sampled.",
    )
    llm_api_key: SecretStr | None = Field(None, description="Key for `GRADER_LLM_BASE_URL`.")
    llm_model: str | None = Field(
        None,
        description="Model that is asked in place of every known judge model; empty asks for the one that the grader names.",
    )
    llm_embedding_model: str = Field(
        "text-embedding-3-large", description="Embedding model of the `cosine` metric."
    )
    llm_concurrency: int = Field(
        32, ge=1, description="Questions that are at `GRADER_LLM_BASE_URL` at once; others wait."
    )
    llm_price: str | None = Field(
        None,
        description="Price of a million input, cached and output tokens, as `2.5,1.25,10`; a budget needs it.",
    )
    judges: Path | None = Field(
        None,
        description="YAML file with several upstreams and the models that each answers for; in place of `GRADER_LLM_…`.",
    )
    judge_timeout_seconds: float = Field(
        120.0,
        gt=0,
        description="Longest time for one question to a judge, waiting and retries included.",
    )
    sample_timeout_seconds: float = Field(
        600.0,
        gt=0,
        description="Longest time for one output of a sampled model, waiting and retries included.",
    )
    judge_single_flight: Literal["identical", "deterministic", "off"] = Field(
        "identical",
        description="Which identical questions share one call while it is under way: all, those with a seed or temperature 0, none.",
    )
    judge_cache: str = Field(
        "off",
        pattern=r"^(off|memory|rediss?://.+)$",
        repr=False,
        description="Where verdicts are kept: `off`, `memory`, or `redis://HOST:PORT/DB` (needs the extra `redis`).",
    )
    judge_cache_seconds: int = Field(86400, ge=1, description="How long a verdict is kept.")
    judge_cache_entries: int = Field(
        10_000, ge=1, description="Most verdicts that `GRADER_JUDGE_CACHE=memory` keeps."
    )
    budget_per_day: float | None = Field(
        None,
        gt=0,
        description="Most that judges and sampled models may cost in one day (UTC), in the currency of the prices.",
    )
    budget_total: float | None = Field(
        None,
        gt=0,
        description="Most that judges and sampled models may cost in all, restarts included.",
    )
    state_dir: Path = Field(
        Path(".grader_state"),
        description="Folder for what must survive a restart: what the judges have cost.",
    )

    # --- endpoint graders
    endpoint_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)] = Field(
        (),
        description="Hosts that endpoint graders may call, as `scorer.example.com,*.example.org`; `HOST:PORT` allows a private address too, `http://HOST:PORT` plain HTTP; empty turns them off.",
    )
    endpoint_timeout_seconds: float = Field(
        60.0, gt=0, description="Longest time for one call of a scorer; there are three tries."
    )

    def share(self, limit: int) -> int:
        """What one of the server's processes gets of a limit that holds for all of them."""
        return max(min(1, limit), limit // self.processes)

    @model_validator(mode="after")
    def _check_shares(self) -> "Settings":
        for name in ("max_in_flight", "eval_concurrency", "sandbox_workers", "llm_concurrency"):
            limit = getattr(self, name)
            if 0 < limit < self.processes:
                raise ValueError(
                    f"GRADER_{name.upper()}={limit} cannot be divided among GRADER_PROCESSES={self.processes}; raise the one or lower the other"
                )
        return self

    @model_validator(mode="after")
    def _check_keys(self) -> "Settings":
        if self.api_keys and self.api_keys_file is not None:
            raise ValueError(
                "GRADER_API_KEYS and GRADER_API_KEYS_FILE are both set; move the keys into the file, where they can be "
                "changed without a restart, and unset GRADER_API_KEYS"
            )
        if not self.api_keys and self.api_keys_file is None and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host!r} is reachable from other machines, so GRADER_API_KEYS must be set "
                "(for example GRADER_API_KEYS=trainer:SECRET); without keys only 127.0.0.1 is served"
            )
        return self


def secret(name: str) -> SecretStr | None:
    """The environment variable that a configuration file names for a key; None where it is not set or empty."""
    value = os.environ.get(name)
    return SecretStr(value) if value else None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read(overrides: Mapping[str, Any]) -> Settings:
    """The environment, with what was given on the command line over it.

    Raises:
        CannotStart: one line that names the setting, and what it may be.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        message = fault["msg"].removeprefix("Value error, ")
        name = "".join(f"GRADER_{str(part).upper()}: " for part in fault["loc"][:1])
        raise CannotStart(f"{name}{message}") from None
