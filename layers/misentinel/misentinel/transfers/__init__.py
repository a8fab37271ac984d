"""Transfers: people imported from files and exported into them, as jobs."""
