"""What an account was written in the last 30 days, and the permission in it."""
