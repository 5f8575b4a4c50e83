import json
import random

from odoo.tests import HttpCase, tagged

from .common import BillingCommon

#: Runs in the web client, with its modules; reports as `browser_js` wants.
RUN = """
const load = (name) => odoo.loader.modules.get(`@omni_billing/backend/${name}`);
const failures = [];
const expect = (what, actual, expected) => {
    const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (left !== right) {
        failures.push(`${what}: ${left} instead of ${right}`);
    }
};
%s
if (failures.length) {
    console.error(failures.slice(0, 5).join("\\n"));
} else {
    console.log("test successful");
}
"""


@tagged("post_install", "-at_install")
class TestWebClient(BillingCommon, HttpCase):
    """What the browser computes is what the server computes."""

    def _run(self, code, **data):
        self.env.flush_all()
        for name, value in data.items():
            code = f"const {name} = {json.dumps(value)};\n{code}"
        self.browser_js(
            "/odoo",
            RUN % code,
            "odoo.isReady === true",
            login=self.env.user.login,
        )

    def test_preview_totals_are_those_of_the_server(self):
        """F50: whatever the taxes and roundings, to the cent."""
        chance = random.Random(20250131)
        children = self._create_tax(4) + self._create_tax(1.5, include_base_amount=True)
        taxes = (
            self.tax_10
            + self.tax_20_included
            + self._create_tax(5.5, include_base_amount=True)
            + self._create_tax(7.7, price_include_override="tax_included")
            + self._create_tax(0.35, amount_type="fixed")
            + self._create_tax(18, amount_type="division")
            + self.env["account.tax"].create(
                {
                    "name": "Group",
                    "amount_type": "group",
                    "amount": 0,
                    "type_tax_use": "sale",
                    "children_tax_ids": children.ids,
                }
            )
        )
        yen = self.setup_other_currency("JPY", rounding=1.0)
        cases = []
        for index in range(40):
            self.company.tax_calculation_rounding_method = chance.choice(
                ["round_globally", "round_per_line"]
            )
            currency = yen if index % 4 == 3 else self.currency
            customer = self.env["res.partner"].create({"name": f"Customer {index}"})
            for _line in range(chance.randint(1, 6)):
                create = chance.choice(
                    [self._create_transaction] * 3 + [self._create_credit]
                )
                create(
                    currency.round(chance.uniform(1, 3000)),
                    partner_id=customer.id,
                    currency_id=currency.id,
                    tax_included=chance.random() < 0.3,
                    tax_ids=taxes.browse(
                        chance.sample(taxes.ids, chance.randint(0, 2))
                    ),
                )
            wizard = self._open_proforma(
                partner_id=customer.id, currency_id=currency.id
            )
            excluded = chance.choice([wizard.line_ids[:1], wizard.line_ids.browse()])
            excluded.included = False
            cases.append(
                {
                    "preview": wizard.preview,
                    "excluded_ids": wizard.excluded_ids,
                    "totals": {
                        "untaxed": wizard.amount_untaxed,
                        "tax": wizard.amount_tax,
                        "total": wizard.amount_total,
                    },
                }
            )
        self._run(
            """
            const { ProformaSelection } = load("proforma/proforma_preview");
            cases.forEach(({ preview, excluded_ids, totals }, index) => {
                const data = { preview, excluded_ids };
                const shown = new ProformaSelection({ data }).computeTotals();
                for (const name of Object.keys(totals)) {
                    expect(
                        `case ${index} ${name}`,
                        shown[name].toFixed(2).replace("-0.00", "0.00"),
                        totals[name].toFixed(2).replace("-0.00", "0.00")
                    );
                }
            });
            """,
            cases=cases,
        )

    def test_short_amounts(self):
        """F70: k, M and B, above a thousand, a million, a billion."""
        self._run(
            """
            const { formatCompactAmount } = load("stats/compact_amount");
            for (const [amount, text] of amounts) {
                expect(String(amount), formatCompactAmount(amount, currency), text);
            }
            """,
            currency=self.currency.id,
            amounts=[
                [amount, f"$\N{NO-BREAK SPACE}{text}"]
                for amount, text in (
                    (0, "0.00"),
                    (12.5, "12.50"),
                    (1000, "1000.00"),
                    (1500, "1.5k"),
                    (-1500, "-1.5k"),
                    (2000, "2k"),
                    (999_960, "1M"),
                    (2_300_000, "2.3M"),
                    (1_100_000_000, "1.1B"),
                )
            ],
        )
