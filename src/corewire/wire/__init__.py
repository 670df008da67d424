"""The wire: bytes to packets and back."""
