"""People: the user data a workspace keeps.

Its modules are imported one by one: a function that needs some of them does not pay for the others at a cold start.
"""
