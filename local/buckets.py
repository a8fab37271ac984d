"""Buckets of the embedded cloud: the Object Lock that a template asks for, which it does not apply."""

from __future__ import annotations

from typing import Any

from ministack.services import s3
from ministack.services.cloudformation import provisioners


def object_lock_of_templates() -> None:
    """Lock a bucket's new objects by the default retention in its template, as AWS does."""
    apply = provisioners._s3_apply_configurations

    def apply_with_lock(name: str, props: dict[str, Any], old_props: dict[str, Any] | None = None) -> None:
        apply(name, props, old_props)
        if str(props.get("ObjectLockEnabled")).lower() != "true":
            return
        rule = (props.get("ObjectLockConfiguration") or {}).get("Rule") or {}
        retention = dict(rule.get("DefaultRetention") or {})
        for unit in retention.keys() & {"Days", "Years"}:
            retention[unit] = int(retention[unit])
        s3._bucket_object_lock[name] = {"enabled": True, "default_retention": retention or None}

    provisioners._s3_apply_configurations = apply_with_lock
