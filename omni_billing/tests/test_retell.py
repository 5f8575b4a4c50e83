import time

from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.omni_billing.tools.retell import LONGEST, Kept, find_ours, retell
from odoo.addons.omni_billing.tools.write_guard import trust

from .card_common import CardCommon


@tagged("post_install", "-at_install")
class TestRetell(CardCommon):
    """What is kept of a failure is in the language of who reads it (F155)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.english = cls.env(context={"lang": "en_US"})
        cls.french = cls.env(context={"lang": "fr_FR"})

    def _say(self, env, what):
        """Return a sentence of a model of ours, in a language."""
        try:
            said = what(env)
        except UserError as error:
            said = str(error)
        self.assertTrue(said)
        return said

    def _check(self, what, is_told=True):
        english, french = (self._say(e, what) for e in (self.english, self.french))
        self.assertNotEqual(english, french)
        self.assertEqual(retell(self.french, english), french)
        self.assertEqual(retell(self.english, french), english)
        self.assertEqual(retell(self.english, english), english)
        self.assertEqual(retell(self.french, french), french)
        return english, french

    def test_sentence_without_values(self):
        Line = "omni.billing.run.line"
        english, french = self._check(lambda env: env[Line]._explain_no_card())
        line = self._create_line(charge_error=english)
        self.assertEqual(self._read(self.french, line, "charge_error"), french)
        self.assertEqual(self._read(self.english, line, "charge_error"), english)
        line.charge_error = french
        self.assertEqual(self._read(self.english, line, "charge_error"), english)
        # Searches and code have it as it was written.
        self.assertEqual(line.charge_error, french)

    def test_sentence_with_values(self):
        company = self.env["res.company"].create({"name": "50 % Off (Ltd.)"})
        self._check(lambda env: company.with_env(env)._billing_explain_no_journal())

    def test_sentence_with_a_sentence_in_it(self):
        line = self._create_line(state="parked")
        said = {}
        for env in (self.english, self.french):
            reason = line.with_env(env)._explain_no_card()
            line.write({"state": "parked", "reason": reason})
            line.with_env(env).action_leave_out()
            said[env.lang] = line.reason
        self.assertNotEqual(said["en_US"], said["fr_FR"])
        self.assertEqual(retell(self.french, said["en_US"]), said["fr_FR"])
        self.assertEqual(retell(self.english, said["fr_FR"]), said["en_US"])

    def test_sentences_one_after_the_other(self):
        Line, company = "omni.billing.run.line", self.company
        for glue in (" ", "\n"):
            self._check(
                lambda env, glue=glue: glue.join(
                    (
                        env[Line]._explain_no_card(),
                        company.with_env(env)._billing_explain_no_server(),
                    )
                )
            )

    def test_whoever_keeps_a_sentence_is_known(self):
        """F155: nobody keeps a list of these addons."""
        keepers = {
            field._module
            for model in self.env.registry.values()
            for part in model.mro()
            for field in vars(part).get("_field_definitions", ())
            if isinstance(field, Kept)
        }
        self.assertIn("omni_billing", keepers)
        self.assertLessEqual(keepers, set(find_ours(self.env)))

    def test_words_of_others_stay(self):
        for text in ("Your card was declined.", "100 % wrong", "", "Ünïcode (x)"):
            self.assertEqual(retell(self.french, text), text)

    def test_what_is_very_long_is_not_compared(self):
        """What Stripe, a customer or a server said may repeat itself for pages."""
        text = (
            self.english["omni.billing.run.line"]._explain_no_card()
            + " "
            + "x %s. " * 20_000
        )
        self.assertEqual(retell(self.french, text), text)

    def test_what_repeats_itself_takes_no_longer(self):
        """Who writes to us cannot have a page wait: a value ends at the first fit."""
        crafted = (
            "“" + "”:  ×  is , not " * 200,
            "Billed: " + " (), skipped: , parked: , not charged: , not sent: " * 50,
            "Refund of " * 300,
            "x. " * 700,
        )
        begun = time.process_time()
        for text in crafted:
            text = text[: LONGEST - 1] + "\x01"
            self.assertEqual(retell(self.french, text)[-1], "\x01")
        self.assertLess(time.process_time() - begun, 2)

    def test_what_a_customer_says_stays(self):
        """A report is the customer's own, also if it quotes us."""
        text = self.french["omni.billing.run.line"]._explain_no_card()
        self._create_transaction(30)._report(text)
        self.env.flush_all()
        row = self.english["omni.billing.todo"].search([("kind", "=", "report")])
        self.assertEqual(row.reason, text)

    def test_list_of_what_waits_is_in_the_language_of_who_reads(self):
        french = self.french["omni.billing.run.line"]._explain_no_card()
        line = self._create_line(state="parked", reason=french)
        trust(line.run_id).state = "done"
        self.env.flush_all()
        row = self.english["omni.billing.todo"].search([("kind", "=", "parked")])
        self.assertEqual(row.reason, retell(self.english, french))

    def _create_line(self, **values):
        # sudo: lines are the jobs'.
        run = self.env["omni.billing.run"].create({})
        return (
            self.env["omni.billing.run.line"]
            .sudo()
            .create(
                {
                    "run_id": run.id,
                    "partner_id": self.customer.id,
                    "currency_id": self.currency.id,
                    "company_id": self.company.id,
                    "state": "done",
                    **values,
                }
            )
        )

    def _read(self, env, line, name):
        return line.with_env(env).read([name])[0][name]
