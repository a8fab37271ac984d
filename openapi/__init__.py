"""The API's document: OpenAPI 3.1, generated from the routes of all functions."""
