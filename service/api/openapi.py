"""The OpenAPI document: the study's own schema, and problem+json for every error."""

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from ablations.study.spec import StudySpec
from service.api.problems import MEDIA_TYPE
from service.schemas import ProblemAnswer

# Clients know these parts of the format by the names they were first published under.
_PUBLISHED = {f"{name}Spec": name for name in ("Analysis", "Rate", "Reading", "Resources", "Study", "Tuning")}
_REF = "#/components/schemas/{model}"
PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "An error",
        "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}}},
    }
}


def install(app: FastAPI) -> None:
    """Let the application describe itself."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


class TightSchema(GenerateJsonSchema):
    """Says what keys may be, where pydantic lets those that do not match hold anything."""

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """A mapping with what its keys and values may be."""
        told: JsonSchemaValue = {"type": "object"}
        told["propertyNames"] = self.generate_inner(schema["keys_schema"])
        told["additionalProperties"] = self.generate_inner(schema["values_schema"])
        if schema.get("min_length"):
            told["minProperties"] = schema["min_length"]
        return told


def _as_published(schema: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(schema)
    for name, published in _PUBLISHED.items():
        text = text.replace(f'/{name}"', f'/{published}"').replace(f'"{name}"', f'"{published}"')
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def _describe(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, routes=app.routes, tags=app.openapi_tags
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name, model in (("StudyRequest", StudySpec), ("Problem", ProblemAnswer)):
        schema = _as_published(model.model_json_schema(ref_template=_REF, schema_generator=TightSchema))
        schemas.update(schema.pop("$defs", {}))
        schemas[name] = schema
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path in document["paths"].values():
        for operation in path.values():
            # FastAPI's own 422, which never comes: `default` says how errors look.
            operation["responses"].pop("422", None)
    return document
