"""What the demonstration's scripts share."""

from pathlib import Path

DEMO = Path(__file__).resolve().parent.parent
