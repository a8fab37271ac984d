"""The inbox: records that have no place in the log yet."""

from typing import Any

from pynamodb.attributes import UnicodeAttribute

from misentinel.tenancy import Suffix, TenantModel


class InboxItem(TenantModel):
    """A record on its way to the log, keyed by its uid so that no partition grows hot."""

    class Meta(TenantModel.Meta):
        """The tenant's inbox; its stream wakes the sequencer."""

        suffix = Suffix.INBOX

    uid = UnicodeAttribute(hash_key=True)
    record: Any = UnicodeAttribute()
    context: Any = UnicodeAttribute()
