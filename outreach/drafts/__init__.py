"""Writing letters, and deciding on them."""
