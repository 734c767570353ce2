"""The files of a plan together: which model each has, and the JSON Schema for editors."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas.cases import CASE_MODELS
from schemas.collect import CollectFile, KeyFile
from schemas.crm import AuthFile, CrmFile, PagingFile, UpdatedFile
from schemas.forms import FORM_MODELS
from schemas.mapping import ColumnFile, ImportMapFile, RowMapFile
from schemas.plan import (
    STEP_KINDS,
    CampaignFile,
    ComputedFile,
    ComputedsFile,
    DuplicatePersonsFile,
    EventFile,
    IdentityFile,
    LimitsFile,
    PlanFile,
    PlanModel,
    SegmentFile,
    SegmentsFile,
    TopicFile,
    TrackingFile,
)
from schemas.webhooks import WebhookFile

FILES: dict[str, type[PlanModel]] = {
    "plan": PlanFile,
    "segments": SegmentsFile,
    "tracking": TrackingFile,
    "computed": ComputedsFile,
    "collect": CollectFile,
}
"""The models of the YAML files at the top of a plan, by name without ending; files under campaigns/ are each a `CampaignFile`,
those under forms/ a `FormFile`, those under cases/ are in `schemas.cases`."""


def plan_schema() -> dict[str, Any]:
    """One JSON Schema (2020-12) for a whole plan: an object with a property for each file; the files' own schemas stand under `$defs`.

    An editor is pointed at a part of it, such as `#/$defs/PlanFile` for plan.yaml.
    """
    models: list[type[BaseModel]] = [
        PlanFile,
        DuplicatePersonsFile,
        IdentityFile,
        LimitsFile,
        TopicFile,
        SegmentsFile,
        SegmentFile,
        ComputedsFile,
        ComputedFile,
        CampaignFile,
        TrackingFile,
        EventFile,
        CollectFile,
        KeyFile,
        CrmFile,
        AuthFile,
        PagingFile,
        UpdatedFile,
        RowMapFile,
        ColumnFile,
        ImportMapFile,
        WebhookFile,
        *FORM_MODELS,
        *STEP_KINDS.values(),
        *CASE_MODELS,
    ]
    _, document = models_json_schema([(model, "validation") for model in models], ref_template="#/$defs/{model}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Beckon plan",
        "description": "A plan is a folder; each property here is one of its files.",
        "type": "object",
        "required": ["plan.yaml", "segments.yaml"],
        "properties": {f"{name}.yaml": {"$ref": f"#/$defs/{model.__name__}"} for name, model in FILES.items()},
        "patternProperties": {
            r"^campaigns/[a-z][a-z0-9_-]*\.yaml$": {"$ref": "#/$defs/CampaignFile"},
            r"^forms/[a-z][a-z0-9_-]*\.yaml$": {"$ref": "#/$defs/FormFile"},
            r"^cases/[^/]+\.yaml$": {"anyOf": [{"$ref": "#/$defs/CasesFile"}, {"$ref": "#/$defs/CaseFile"}]},
        },
        "$defs": document["$defs"],
    }
