"""The service: sentences in, embeddings out, and a page for Prometheus."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from examples.service.encoder import Encoder
from examples.service.watching import Watching
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel, Field, StringConstraints

from rankme.integrations.prometheus import MonitorCollector

MOST_TEXTS = 256
Text = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]


class Question(BaseModel):
    """What is to be embedded."""

    texts: list[Text] = Field(min_length=1, max_length=MOST_TEXTS)


class Answer(BaseModel):
    """A row for each text, in the same order."""

    model: str
    embeddings: list[list[float]]


def create_app(encoder: Encoder, watching: Watching) -> FastAPI:
    """Return the service.

    Parameters
    ----------
    encoder
        Makes rows of texts.
    watching
        Gets them; closed when the service ends.
    """
    registry = CollectorRegistry()
    registry.register(MonitorCollector(watching.monitor, {"model": encoder.name}))
    registry.register(watching)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        watching.close()

    app = FastAPI(title="Embeddings", lifespan=lifespan)

    # No `async`: such functions run in threads, so that the model does not stop the event loop.
    @app.post("/embed")
    def embed(question: Question) -> Answer:
        rows = encoder.encode(question.texts)
        watching.put(rows)
        return Answer(model=encoder.name, embeddings=rows.tolist())

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/monitor")
    def monitor() -> dict[str, Any]:
        report = watching.monitor.report()
        return {**report, "windows": report["windows"][-10:]}

    return app
