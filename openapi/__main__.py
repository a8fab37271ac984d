"""Write the API's document: what `make openapi` runs."""

from openapi.document import FILE, text

FILE.write_text(text())
