"""Every setting of the service, read once from the environment (prefix `GRADER_`) and frozen."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from grader_service.errors import CannotStart

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


class Settings(BaseSettings):
    """Each field is the environment variable `GRADER_` + its name in capitals; descriptions are the README's table."""

    model_config = SettingsConfigDict(env_prefix="GRADER_", frozen=True, extra="ignore", env_ignore_empty=True)

    # --- server
    host: str = Field("127.0.0.1", description="Address to listen on; others than loopback need `GRADER_API_KEYS`.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")

    # --- similarity
    nltk_data: Path = Field(Path(".nltk_data"), description="Folder of the NLTK data that `make install` fetches.")
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
        2, ge=1, description="Processes for long texts and other heavy work, started when first needed."
    )
    worker_memory_mebibytes: int = Field(
        1024, ge=64, description="Memory that the work of one such process may take (on Linux)."
    )

    # --- sandbox
    sandbox: Literal["auto", "docker", "bubblewrap", "off"] = Field(
        "auto", description="Engine for python graders: `docker`, `bubblewrap`, `off`, or `auto`, the first that works."
    )

    # --- judge
    llm_base_url: str | None = Field(None, description="OpenAI-compatible API for score_model and label_model graders.")
    llm_api_key: SecretStr | None = Field(None, description="Key for `GRADER_LLM_BASE_URL`.")
