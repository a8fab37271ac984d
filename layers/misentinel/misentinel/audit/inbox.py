"""The inbox: records that have no place in the log yet."""

from typing import Any

from pynamodb.attributes import BinaryAttribute, UnicodeAttribute

from misentinel.tenancy import Suffix, TenantModel


class Packed(BinaryAttribute):
    """Bytes; where something else stands there is nothing, so that it stops nobody who reads the rest."""

    def __init__(self, *, null: bool = False) -> None:
        super().__init__(legacy_encoding=False, null=null)

    def get_value(self, value: dict[str, Any]) -> Any:
        """The bytes of a raw value."""
        return value.get("B", b"")


class InboxItem(TenantModel):
    """A record on its way to the log, packed, keyed by its uid so that no partition grows hot."""

    class Meta(TenantModel.Meta):
        """The tenant's inbox; its stream wakes the sequencer."""

        suffix = Suffix.INBOX

    uid = UnicodeAttribute(hash_key=True)
    record: Any = Packed()
    context: Any = Packed(null=True)
