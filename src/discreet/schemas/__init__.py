"""What goes over the wire of the REST API: the shapes that its server and its client share.

What is given is refused where it holds more than is described; what is shown may grow.
"""
