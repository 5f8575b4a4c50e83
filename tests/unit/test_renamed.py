"""A hook that got another name still asks who overrides the former one."""

import pytest

from odoo.addons.omni_billing.tools.renamed import formerly


class Ours:
    @formerly("_list_words")
    def _billing_list_words(self, *more):
        """List words. Hook."""
        return ["ours", *more]


class Former(Ours):
    def _list_words(self, *more):
        return [*super()._list_words(*more), "former"]


class Present(Ours):
    def _billing_list_words(self, *more):
        return [*super()._billing_list_words(*more), "present"]


class Both(Present, Former):
    pass


class Instead(Ours):
    def _list_words(self, *more):
        return ["instead"]


@pytest.mark.parametrize(
    ("addon", "words"),
    [
        (Ours, ["ours", "more"]),
        (Former, ["ours", "more", "former"]),
        (Present, ["ours", "more", "present"]),
        (Both, ["ours", "more", "former", "present"]),
        (Instead, ["instead"]),
    ],
)
def test_each_override_has_its_say(addon, words):
    assert addon()._billing_list_words("more") == words


def test_hook_says_what_it_is():
    assert Ours._billing_list_words.__name__ == "_billing_list_words"
    assert Ours._billing_list_words.__doc__ == "List words. Hook."
