from odoo import api, fields, models
from odoo.tools import SQL


class AccountMove(models.Model):
    """What becomes of invoices and credit notes, for other programs.

    The database writes the facts down, by where an invoice stands: Odoo comes to that
    in many ways (a bank statement, a write-off, rows that are written fast), and by
    whichever it is, the row of the outbox is in the same transaction.
    """

    _inherit = "account.move"

    @api.private
    def init(self):
        result = super().init()
        self.env.registry.post_init(self.env.cr.execute, TRIGGERS)
        return result

    def _billing_prepare_webhook_data(self):
        """Return what other programs are told of an invoice. Hook.

        :return: plain values, amounts as text; neither names nor what was bought.
        :rtype: dict
        """
        self.ensure_one()
        currency, partner = self.currency_id, self.commercial_partner_id
        to_text = fields.Date.to_string

        def write(amount):
            return f"{amount:.{currency.decimal_places}f}"

        data = {
            "id": self.id,
            "number": self.name,
            "reference": self.ref or None,
            "invoice_date": to_text(self.invoice_date) or None,
            "due_date": to_text(self.invoice_date_due) or None,
            "currency": currency.name,
            "amount_untaxed": write(self.amount_untaxed),
            "amount_tax": write(self.amount_tax),
            "amount_total": write(self.amount_total),
            "customer": {"id": partner.id, "reference": partner.ref or None},
        }
        if invoice := self.reversed_entry_id:
            data["invoice"] = {"id": invoice.id, "number": invoice.name}
        return data


#: Where posted invoices stand.
_STANDS = "('unpaid', 'partial', 'paid', 'refunded')"
#: What is told, and when, of where an invoice stands now and stood before. What is new
#: was a draft: Odoo may compute where it stands only once it is posted. Void is what
#: had a number, also where it is a draft on the way.
_FACTS = f"""
    (1, fact.head || '.posted',
        fact.now IN {_STANDS} AND fact.before = 'draft'),
    (2, 'invoice.paid',
        fact.is_invoice AND fact.now = 'paid' AND fact.before != 'paid'),
    (3, 'invoice.refunded',
        fact.is_invoice AND fact.now = 'refunded' AND fact.before != 'refunded'),
    (4, 'invoice.reopened',
        fact.is_invoice AND fact.now IN ('unpaid', 'partial')
        AND fact.before IN ('paid', 'refunded')),
    (5, fact.head || '.void',
        fact.now = 'void' AND fact.before != 'void' AND fact.was_posted)
"""
_INSERT = f"""
    INSERT INTO omni_billing_webhook_delivery (
           webhook_id, company_id, kind, key, res_model, res_id, fact_state, moment,
           next_try, state, tries, create_date, write_date)
    SELECT webhook.id, fact.company_id, told.kind,
           'evt_' || replace(gen_random_uuid()::text, '-', ''), 'account.move',
           fact.id, fact.now, moment, moment, 'queued', 0, moment, moment
      FROM (%s) AS fact
CROSS JOIN LATERAL (VALUES {_FACTS}) AS told(number, kind, is_so)
CROSS JOIN (SELECT date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC')) AS
           clock(moment)
      JOIN omni_billing_webhook_kind kind ON kind.code = told.kind
      JOIN omni_billing_webhook_kind_rel chosen ON chosen.kind_id = kind.id
      JOIN omni_billing_webhook webhook ON webhook.id = chosen.webhook_id
       AND webhook.active AND webhook.company_id = fact.company_id
     WHERE told.is_so
  ORDER BY fact.id, told.number, webhook.id;
"""
_ROW = """
    SELECT {row}.id, {row}.company_id, {row}.billing_state AS now,
           {before} AS before, {row}.posted_before AS was_posted,
           {row}.move_type = 'out_invoice' AS is_invoice,
           CASE {row}.move_type WHEN 'out_invoice' THEN 'invoice' ELSE 'credit_note'
           END AS head"""
_UPDATE = _INSERT % _ROW.format(
    row="NEW", before="COALESCE(OLD.billing_state, 'draft')"
)
_NEW_ROWS = _INSERT % (
    _ROW.format(row="one", before="'draft'")
    + f" FROM new_rows AS one WHERE one.billing_state IN {_STANDS}"
)

#: One function for each way in which a row comes: an invoice that changes, or invoices
#: that are written fast, as posted ones, many in one statement.
TRIGGERS = SQL(
    f"""
CREATE OR REPLACE FUNCTION omni_billing_tell_invoice() RETURNS trigger AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM omni_billing_webhook WHERE active) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN {_UPDATE} ELSE {_NEW_ROWS} END IF;
    RETURN NULL;
END
$$ LANGUAGE plpgsql;

DROP TRIGGER IF EXISTS omni_billing_tell_change ON account_move;
CREATE TRIGGER omni_billing_tell_change
AFTER UPDATE OF billing_state ON account_move FOR EACH ROW
WHEN (OLD.billing_state IS DISTINCT FROM NEW.billing_state)
EXECUTE FUNCTION omni_billing_tell_invoice();

DROP TRIGGER IF EXISTS omni_billing_tell_new ON account_move;
CREATE TRIGGER omni_billing_tell_new
AFTER INSERT ON account_move REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION omni_billing_tell_invoice();
"""
)
#: What takes them away, as the addon goes.
DROP_TRIGGERS = SQL("DROP FUNCTION IF EXISTS omni_billing_tell_invoice() CASCADE")
