"""The audit log: each tenant's records in their order, published, and found again."""
