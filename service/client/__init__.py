"""The service from Python: `Client().submit(study)`, `.plan`, `.studies()`; `AsyncClient` for coroutines."""

from service.client.calls import Client, StudyHandle
from service.client.coroutines import AsyncClient, AsyncStudyHandle
from service.client.tables import CurveTable, EffectTable, TrialTable
from service.connection import ServiceAway, ServiceRefused

__all__ = [
    "AsyncClient",
    "AsyncStudyHandle",
    "Client",
    "CurveTable",
    "EffectTable",
    "ServiceAway",
    "ServiceRefused",
    "StudyHandle",
    "TrialTable",
]
