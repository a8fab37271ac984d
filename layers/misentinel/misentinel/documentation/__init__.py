"""Documentation: what the API says about itself."""

from misentinel.documentation.site import FOR_A_WHILE, Content, Site

__all__ = ["FOR_A_WHILE", "Content", "Site"]
