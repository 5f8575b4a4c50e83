"""A Stripe for tests, as strict as the real one; see ``controller.py`` for its use.

Upon localstripe's store, objects, errors and browser form. The endpoints are our own:
of those that localstripe has, each is more lenient than Stripe in some way that would
let a wrong payment pass a test.
"""
