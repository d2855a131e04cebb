"""The sandbox: a separate HTTP server that stands in for X, with a phone to be a customer on.

It imports no other room of the product; what it knows about X is X's documented behaviour.
"""
