"""Invitations: a link and a QR code that have people write a word to the brand."""
