"""What all suites share."""

from hypothesis import settings

# The first example pays for imports and compiled schemas; a deadline per example would fail on that alone.
settings.register_profile("misentinel", deadline=None, print_blob=True)
settings.load_profile("misentinel")
