"""The OpenAPI document: FastAPI's, without the one answer that it adds by itself and that is never given."""

from typing import Any

from fastapi import FastAPI


class Documented(FastAPI):
    """`JsonRoute` answers every fault of a body with 400, so no route has a 422."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        for operations in document["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)
        for name in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(name, None)
        return document
