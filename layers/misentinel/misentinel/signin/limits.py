"""Limits on attempts: how many are let through, by account and by network address."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """So many attempts in a window of so many seconds.

    They are counted before the work that they guard, and given back by a complete sign-in only.
    """

    counter: str
    attempts: int
    seconds: int = 15 * 60

    @property
    def window(self) -> str:
        """The attribute that holds when the window closes."""
        return f"{self.counter}_until"


PASSWORD_GUESSES = Limit("guesses", 10)
CODE_GUESSES = Limit("code_guesses", 10)
"""By account: for each factor of its own, so that neither uses up the other's attempts."""

ADDRESS_GUESSES = Limit("guesses", 50)
ADDRESS_INVITATIONS = Limit("invitations", 50)
ADDRESS_SIGN_UPS = Limit("sign_ups", 20, 60 * 60)
"""By network address, over all workspaces."""
