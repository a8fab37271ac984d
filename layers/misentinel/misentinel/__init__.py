"""MiSentinel: a multi-tenant customer-messaging backend whose security promises can be checked."""
