"""The page of all problems in Markdown: what `docs/problems.md` is made of."""

from pathlib import Path

from misentinel.api.problem import TYPE
from misentinel.errors import Refusal, kinds

FILE = Path(__file__).parent.parent / "docs/problems.md"

_HEAD = """\
# Problems: every refusal, when it comes, and what to do

Each answer that is no success is `application/problem+json` (RFC 9457), from the functions and from the gateway alike:

```json
{
  "type": "urn:misentinel:problem:not-found",
  "title": "There is no such thing here",
  "status": 404,
  "detail": "No such person in this workspace; check the id.",
  "request_id": "4f0c2a1e-8f6d-4b5e-9c37-2d1b7a6e5f40"
}
```

`type` is stable: decide by it. `detail` says what to do in the case at hand. `request_id` is the answer's `X-Request-Id`;
the audit log and support know the request by it. Nothing personal is in a problem: a field that is wrong is named in
`errors` by its path in the body (`attributes.plan`, `events.3.name`) or its name in the query, and its value is not
repeated.

`make openapi` writes this page from `errors.py`.
"""


def problems_page() -> str:
    """The page: a section for each type, by status."""
    known = [kind for kind in kinds() if kind.__module__ == Refusal.__module__]
    return "\n".join([_HEAD, *(_section(kind) for kind in known)])


def _section(kind: type[Refusal]) -> str:
    return f"""\
## {kind.status} · {kind.title}

`{TYPE}{kind.code}`

{kind.when}

**What to do.** {kind.advice}
"""
