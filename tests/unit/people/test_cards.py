"""A row of a file is searched for card numbers as a body is: texts, numbers, tags and addresses."""

from typing import Any

import pytest

from misentinel.people.attributes import AttributeType, Declaration, Declarations
from misentinel.people.rows import PersonRow, RowInvalidError

DECLARED = Declarations(
    {
        "note": Declaration("note", AttributeType.STRING, "A note."),
        "score": Declaration("score", AttributeType.NUMBER, "A score."),
    }
)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"name": "4111 1111 1111 1111"}, "name"),
        ({"email": "4111111111111111@shop.example"}, "email"),
        ({"external_id": "card/5555-5555-5555-4444"}, "external_id"),
        ({"tags": "vip, 4111111111111111"}, "tags.1"),
        ({"attributes.note": "\u0664\u0661\u0661\u0661 1111 1111 1111"}, "attributes.note"),
        ({"attributes.score": "4111111111111111"}, "attributes.score"),
    ],
)
def test_a_row_with_a_card_number_is_refused_by_its_field(row: dict[str, Any], field: str) -> None:
    with pytest.raises(RowInvalidError) as refused:
        PersonRow.of({"external_id": "c-1", **row}, DECLARED)
    assert refused.value.field == field
    assert "1111" not in str(refused.value)


def test_a_row_of_look_alikes_is_taken() -> None:
    row = {
        "external_id": "ORD-2026-0001234567",
        "phone": "+44 20 7946 0958",
        "attributes.note": "GB29 NWBK 6016 1331 9268 19",
        "attributes.score": "1795440605900123",
    }
    assert PersonRow.of(row, DECLARED).given["external_id"] == "ORD-2026-0001234567"
