"""Passwords at rest, and which are too weak to be one."""

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type
from hypothesis import given
from hypothesis import strategies as st

from misentinel.errors import Invalid
from misentinel.signin import passwords
from misentinel.signin.strength import require_strong, weakness


def test_the_hash_is_argon2id_with_the_costs_of_owasp() -> None:
    costs = extract_parameters(passwords.hashed("umbrella cactus violin 9"))
    assert (costs.type, costs.memory_cost, costs.time_cost, costs.parallelism) == (Type.ID, 19_456, 2, 1)


def test_a_password_fits_its_hash_and_no_other() -> None:
    stored = passwords.hashed("umbrella cactus violin 9")
    assert passwords.verify(stored, "umbrella cactus violin 9")
    assert not passwords.verify(stored, "umbrella cactus violin 8")
    assert stored != passwords.hashed("umbrella cactus violin 9")


def test_a_password_fits_from_any_keyboard() -> None:
    assert passwords.verify(passwords.hashed("cafe\u0301 au lait 42"), "caf\u00e9 au lait 42")
    assert passwords.verify(passwords.hashed("\uff57\uff49\uff44\uff45 letters \uff14\uff12"), "wide letters 42")


def test_no_password_fits_an_account_that_is_not_there() -> None:
    assert not passwords.verify(None, "umbrella cactus violin 9")
    assert not passwords.verify("broken", "umbrella cactus violin 9")


def test_a_hash_of_other_costs_is_outdated() -> None:
    assert passwords.is_outdated(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x"))
    assert not passwords.is_outdated(passwords.hashed("x"))


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "elevenchars",
        "password1234",
        "Password123!",
        "P@ssw0rd2026!",
        "qwertyuiop12",
        "123456789012",
        "aaaaaaaaaaaaaaaa",
        "abcabcabcabcabc",
        "monkeydragonsunshine",
        "Acme-Welcome-2026",
        "letmeinletmein1",
        "lkjhgfdsa4321",
        "jo.bloggs.acme.1",
        "x" * 129,
    ],
)
def test_what_guessers_try_first_is_refused(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        require_strong(password, context=("acme", "jo.bloggs@acme.example"))
    assert password not in repr(refused.value.extra)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "umbrella cactus violin 9",
        "V9x!kQ2m#pLw",
        "Tr0ub4dor&3xyz",
        "zwölf Boxkämpfer jagen",
        "это пароль длинный",
        "🦊 crosses 🌉 at dawn",
        "k" + "7fQ#" * 2 + "vbe",
    ],
)
def test_long_and_unusual_ones_are_taken(password: str) -> None:
    assert weakness(password, ("acme", "jo.bloggs@acme.example")) is None


@given(st.text(max_size=200), st.text(max_size=60))
def test_any_text_gets_an_answer(password: str, context: str) -> None:
    reason = weakness(password, (context,))
    assert reason is None or reason.endswith(".")
