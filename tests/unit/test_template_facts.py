"""Which facts a template of staff prints is read from its text."""

import pytest

from odoo.addons.omni_billing.tools.template_facts import FACTS, find_missing

WHOLE = """
{%- macro party(one) -%}{{ one.name }} {{ one["address"].city }}{%- endmacro -%}
{{ document_title }} {{ invoice_number }} {{ date.split("T")[0] }} {{ status }}
{{ party(company) }} {{ company.tax_id }} {{ party(client) }} {{ client.tax_id }}
{% for line in transactions %}{{ line.tax_percentage }}{% break %}{% endfor %}
{{ total_amount }} {{ total_tax }} {{ "%.2f"|format(total) }} {% do mentions|join %}
"""


def test_nothing_is_missing():
    assert find_missing(WHOLE, FACTS) == []


@pytest.mark.parametrize("fact", ["number", "date", "void", "rate", "tax"])
def test_what_is_taken_out_is_missing(fact):
    name = FACTS[fact][0].rpartition(".")[2]
    assert find_missing(WHOLE.replace(name, "title"), FACTS) == [fact]


def test_others_facts_do_not_count():
    body = "{{ client.name }} {{ client.tax_id }} {{ line.total }} {# number #}"
    assert find_missing(body, ["seller", "seller_tax_id", "total", "number"]) == [
        *("seller", "seller_tax_id", "total", "number"),
    ]
    assert find_missing(body, ["customer", "customer_tax_id"]) == []


def test_what_cannot_be_read_is_told_elsewhere():
    assert find_missing("{% for %}", FACTS) == []
