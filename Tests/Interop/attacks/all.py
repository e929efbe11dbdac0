"""Every case, in the order in which they run."""

from . import calls, framing, messages, readers, rules, silence, sockets  # noqa: F401, they register their cases
from .case import CASES

__all__ = ["CASES"]
