"""Rules of the house that bin/lint finds in the text of the code."""

import pytest

from dev import lint

MODEL = """
class ResPartner(models.Model):
    {head}

    billing_note = fields.Char({options})
"""


def _find(options, head='_inherit = "res.partner"'):
    found = lint.copied_for_few(MODEL.format(head=head, options=options))
    return [name for _line, name in found]


@pytest.mark.parametrize(
    "options",
    [
        'groups="base.group_system"',
        'groups="base.group_system", copy=True',
        'groups="base.group_system", copy=False, default="x"',
        'groups="base.group_system", compute="_compute", store=True',
    ],
)
def test_what_few_may_read_is_not_written_for_all(options):
    """Who duplicates a contact of Odoo's would be refused (W43)."""
    assert _find(options) == ["billing_note"]
    name = '_name = "res.partner"\n    _inherit = ["res.partner", "omni.billing.stats"]'
    assert _find(options, name) == ["billing_note"]
    assert _find(options, '_name = "omni.billing.run"') == []


@pytest.mark.parametrize(
    "options",
    [
        'string="Note"',
        'groups="base.group_system", copy=False',
        'groups="base.group_system", compute="_compute"',
    ],
)
def test_what_stays_out_of_the_way_is_allowed(options):
    assert _find(options) == []


def test_the_code_keeps_to_it():
    assert lint.RULES["what few may read is not copied"]()
