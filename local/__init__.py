"""The embedded cloud: everything that runs the deployed template on a laptop, and nothing that is deployed."""
