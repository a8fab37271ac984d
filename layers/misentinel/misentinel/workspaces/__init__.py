"""Workspaces: how one is signed up, and how it is provisioned step by step."""
