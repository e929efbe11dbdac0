"""What `hostile.py` sends, and what it expects."""
