"""How every test runs."""

from hypothesis import settings

# Two cores are shared with other tests: a slow example says nothing. What fails is printed so that it can be repeated.
settings.register_profile("suite", deadline=None, print_blob=True)
settings.load_profile("suite")
