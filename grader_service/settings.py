"""Every setting of the service, read once from the environment (prefix `GRADER_`) and frozen."""

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

MEBIBYTE = 1024 * 1024


class Settings(BaseSettings):
    """Each field is the environment variable `GRADER_` + its name in capitals; descriptions are the README's table."""

    model_config = SettingsConfigDict(env_prefix="GRADER_", frozen=True, extra="ignore", env_ignore_empty=True)

    # --- server
    host: str = Field("127.0.0.1", description="Address to listen on; others than loopback need `GRADER_API_KEYS`.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")

    # --- similarity
    nltk_data: Path = Field(Path(".nltk_data"), description="Folder of the NLTK data that `make install` fetches.")

    # --- sandbox
    sandbox: Literal["auto", "docker", "bubblewrap", "off"] = Field(
        "auto", description="Engine for python graders: `docker`, `bubblewrap`, `off`, or `auto`, the first that works."
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
        "grader-sandbox", description="Name of the sandbox image; the grader's `image_tag` is its tag."
    )
    sandbox_packages: Path = Field(
        Path(".sandbox_packages"), description="Folder of the hosted list's packages, for bubblewrap."
    )
    sandbox_workers: int = Field(
        0, ge=0, le=1000, description="Most warm workers at any time; 0 means 8 for each CPU."
    )
    sandbox_spares: int = Field(1, ge=0, le=100, description="Workers kept ready for unseen graders.")
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
    llm_base_url: str | None = Field(None, description="OpenAI-compatible API for score_model and label_model graders.")
    llm_api_key: SecretStr | None = Field(None, description="Key for `GRADER_LLM_BASE_URL`.")
