import json
import random

from odoo.tests import tagged

from odoo.addons.omni_billing.tools.write_guard import trust

from .common import BillingCommon
from .http_common import PatientHttpCase

#: Runs in the web client, with its modules; reports as `browser_js` wants.
RUN = """
(async () => {
const load = (name) => odoo.loader.modules.get(`@omni_billing/backend/${name}`);
const failures = [];
const expect = (what, actual, expected) => {
    const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (left !== right) {
        failures.push(`${what}: ${left} instead of ${right}`);
    }
};
const sleep = (pause) => new Promise((resolve) => setTimeout(resolve, pause));
const find = async (selector, text) => {
    for (let tries = 0; tries < 150; tries++) {
        const found = [...document.querySelectorAll(selector)].filter(
            (element) => element.textContent.trim() === text
        );
        if (found.length) {
            return found[0];
        }
        await sleep(100);
    }
    const elements = [...document.querySelectorAll(selector)];
    const seen = elements.map((element) => element.textContent);
    throw new Error(`${selector} shows ${seen} and never ${text}`);
};
try {
%s
} catch (error) {
    failures.push(error.message);
}
if (failures.length) {
    console.error(failures.slice(0, 5).join("\\n"));
} else {
    console.log("test successful");
}
})();
"""


@tagged("post_install", "-at_install")
class TestWebClient(BillingCommon, PatientHttpCase):
    """What the browser computes is what the server computes."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        web = "web.assets_web"
        cls._make_assets(scripts=[web], styles=[web, f"{web}_print"])

    def _run(self, code, url="/odoo", **data):
        self.env.flush_all()
        for name, value in data.items():
            code = f"const {name} = {json.dumps(value)};\n{code}"
        self.browser_js(
            url,
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
                    quantity=chance.choice([1, 1, 2, 69, 0.5]),
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
            const { formatAmount } = load("amounts/amounts");
            const written = formatAmount(-1234.5, { currencyId: currency });
            expect("sign", written, "-$\\u00a01,234.50");
            """,
            currency=self.currency.id,
            amounts=[
                [amount, text.replace(" ", "\N{NO-BREAK SPACE}")]
                for amount, text in (
                    (0, "$ 0.00"),
                    (12.5, "$ 12.50"),
                    (1000, "$ 1000.00"),
                    (1500, "$ 1.5k"),
                    (-1500, "-$ 1.5k"),
                    (2000, "$ 2k"),
                    (999_960, "$ 1M"),
                    (2_300_000, "$ 2.3M"),
                    (1_100_000_000, "$ 1.1B"),
                )
            ],
        )

    def test_run_that_ends_before_the_form_asks_is_shown_as_it_is(self):
        """F186: the job is done while the form loads, however fast it is."""
        Run = self.env["omni.billing.run"]
        run = Run.create({"name": "January"})
        get_progress = Run.__class__.get_progress

        def end_and_get_progress(self):
            if self.state == "checking":
                # sudo: the job is nobody's.
                trust(self.sudo()).write({"state": "checked", "is_prepared": True})
            return get_progress(self)

        # It writes, unlike the real one.
        end_and_get_progress._readonly = False
        self.patch(Run.__class__, "get_progress", end_and_get_progress)
        self._run(
            """
            await find(".o_arrow_button_current", "Draft");
            (await find("button[name=action_check]", "Check")).click();
            await find(".o_arrow_button_current", "Checked");
            """,
            url=f"/odoo/billing-runs/{run.id}",
        )

    def test_progress_of_a_run_never_leaves_the_form_behind(self):
        """F186: with unsaved changes, without a connection, with a late replica."""
        self._run(
            """
            const { mount, reactive } = odoo.loader.modules.get("@odoo/owl");
            const { browser } = odoo.loader.modules.get("@web/core/browser/browser");
            const { getTemplate } = odoo.loader.modules.get("@web/core/templates");
            const { RunProgress } = load("run/run_progress");
            const timers = {};
            let last = 0;
            browser.setTimeout = (run, pause) => {
                timers[++last] = { run, pause };
                return last;
            };
            browser.clearTimeout = (id) => delete timers[id];
            let server, record, widget;
            const pause = () => timers[widget.timer]?.pause;
            // Whoever watches a record hears of a change in the next frame.
            const settle = async () => {
                for (let frames = 0; frames < 3; frames++) {
                    await new Promise(requestAnimationFrame);
                }
            };
            const tick = async () => {
                const { run } = timers[widget.timer];
                delete timers[widget.timer];
                run();
                await settle();
            };
            const call = async () => {
                if (server.isDown) {
                    throw new Error("No connection");
                }
                return { state: server.state, is_working: server.state === "checking" };
            };
            const orm = { call, silent: { call } };
            const open = async (shown, state, values) => {
                server = { state };
                record = reactive({
                    resId: 7,
                    dirty: false,
                    data: { state: shown },
                    loads: 0,
                    isDirty: async () => record.dirty,
                    load: async () => {
                        record.loads++;
                        record.data = { state: server.late || server.state };
                    },
                    ...values,
                });
                widget = await mount(RunProgress, document.body, {
                    env: { services: { orm } },
                    props: { record },
                    getTemplate,
                });
            };

            await open("checking", "checked");
            expect("at once", pause(), 0);
            await tick();
            expect("loaded", [record.data.state, record.loads], ["checked", 1]);
            expect("nothing to wait for", pause(), undefined);

            await open("checking", "checking");
            expect("under way", pause(), 2000);
            await tick();
            expect("not loaded", [record.loads, pause()], [0, 2000]);
            server.isDown = true;
            await tick();
            expect("lost", [record.loads, pause()], [0, 10000]);
            Object.assign(server, { isDown: false, state: "checked" });
            await tick();
            await tick();
            expect("found", [record.data.state, record.loads], ["checked", 1]);
            expect("nothing left", pause(), undefined);

            await open("checking", "checked", { dirty: true });
            await tick();
            expect("left alone", [record.loads, pause()], [0, 2000]);
            record.dirty = false;
            await tick();
            expect("discarded", [record.data.state, record.loads], ["checked", 1]);

            await open("checking", "checked");
            server.late = "checking";
            await tick();
            expect("late", [record.loads, pause()], [1, 2000]);
            server.late = "";
            await tick();
            expect("in time", [record.data.state, pause()], ["checked", undefined]);

            await open("checked", "checked");
            record.data = { state: "checking" };
            server.state = "checking";
            await settle();
            expect("begun again", pause(), 2000);
            widget.__owl__.app.destroy();
            expect("left", pause(), undefined);

            // The list of its customers follows the job after Try Again.
            const { RunLinesController } = load("run/run_lines");
            const rows = [{ data: { state: "pending" } }];
            widget = Object.create(RunLinesController.prototype);
            const root = { records: rows, selection: [] };
            widget.model = { root, loads: 0, load: async () => widget.model.loads++ };
            await widget.afterExecuteActionButton({ name: "action_open_invoice" });
            expect("nothing to follow", pause(), undefined);
            await widget.afterExecuteActionButton({ name: "action_retry" });
            expect("soon", pause(), 1500);
            for (let times = 0; times < 8; times++) {
                await tick();
            }
            expect("as long as it waits", [widget.model.loads, pause()], [8, 34000]);
            root.selection = rows;
            rows[0].data.state = "done";
            await tick();
            expect("ticked rows stay", [widget.model.loads, pause()], [8, undefined]);

            // What a button says is followed by the list, and the dialog over it.
            const { reload } = load("reload/reload");
            const shown = [];
            const action = {
                currentController: { jsId: "list" },
                restore: async (name) => shown.push(name),
            };
            const onClose = () => shown.push("dialog");
            await reload({ services: { action } }, {}, { onClose });
            expect("shown anew", shown, ["list", "dialog"]);
            """
        )
