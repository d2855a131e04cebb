"""Who cannot hear 'stop' does not speak: whether an account is heard, and reading where it is not."""
