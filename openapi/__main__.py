"""Write the API's document and the page of its problems: what `make openapi` runs."""

from openapi import pages
from openapi.document import FILE, text

FILE.write_text(text())
pages.FILE.write_text(pages.problems_page())
