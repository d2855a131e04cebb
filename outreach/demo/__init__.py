"""The demo workspace: a shop for handcrafted T-shirts, accessories and art."""
