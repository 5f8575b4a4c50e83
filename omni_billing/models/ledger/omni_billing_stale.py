import logging

from odoo import api, fields, models, tools
from odoo.fields import Domain

from ...tools.database import commit_progress, retry

_logger = logging.getLogger(__name__)

#: So many transactions are computed anew at once, where what they depend on is changed:
#: half a second. More are left to the job, as many in each step.
CHUNK = 1000


class OmniBillingStale(models.Model):
    """A change of taxes or of rounding that unbilled transactions have yet to follow.

    An invoice is computed from taxes, never from the amounts of its transactions; those
    are what lists and sums show until then. So what is stale is found, not marked: all
    that is unbilled, has such a tax, and was not reached by the job. Whoever looks at
    some of it has that computed first (`omni.billing.transaction.search_fetch`).
    """

    _name = "omni.billing.stale"
    _inherit = "omni.billing.server.mixin"
    _description = "Amounts to Compute Anew"
    _order = "id"

    tax_ids = fields.Many2many("account.tax", readonly=True, string="Taxes")
    company_id = fields.Many2one(
        "res.company",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
        help="Whose way to round changed.",
    )
    currency_id = fields.Many2one(
        "res.currency",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
        help="Whose decimals changed.",
    )
    last_id = fields.Integer(readonly=True, help="How far the job is.")

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        changes = super().create(vals_list)
        self.env.registry.clear_cache()
        return changes

    def unlink(self):
        self.env.registry.clear_cache()
        return super().unlink()

    # === BUSINESS METHODS === #

    @api.model
    def _follow(self, **what):
        """Have unbilled transactions follow a change: at once, or many by the job.

        :param what: what changed: `taxes`, with all groups that they are in; a
            `company`; or a `currency`.
        """
        # sudo: the amounts are the tax engine's, whoever changes the tax.
        self = self.sudo()
        values = {
            "tax_ids": what.get("taxes", self.env["account.tax"]).ids,
            "company_id": what.get("company", self.env["res.company"]).id,
            "currency_id": what.get("currency", self.env["res.currency"]).id,
        }
        change = self.new(values)
        found = change._search_stale(limit=CHUNK + 1)
        if len(found) <= CHUNK:
            found._compute_anew()
            return
        self.create(values)
        self.env.ref("omni_billing.ir_cron_compute_stale")._trigger()

    @api.model
    @tools.ormcache()
    def _is_any(self):
        """Whether there is any: asked by each list, and nearly always no."""
        # sudo: whether there is any, whoever asks.
        return bool(self.sudo().search_count([], limit=1))

    @api.model
    def _find_in(self, domain):
        """Return the transactions in a domain that have yet to follow."""
        if not self._is_any():
            return self.env["omni.billing.transaction"]
        # sudo: whoever looks; what they see is for the rules of what they look at.
        changes = self.sudo().search([])  # pylint: disable=no-search-all
        return changes.env["omni.billing.transaction"].union(
            *(change._search_stale(domain) for change in changes)
        )

    def _search_stale(self, domain=Domain.TRUE, limit=None):
        Transaction = self.env["omni.billing.transaction"]
        # An archived one is in force where it is still carried.
        taxes = self.with_context(active_test=False).tax_ids
        about = Domain("tax_ids", "in", taxes._origin.ids)
        if self.company_id:
            about = Domain("company_id", "=", self.company_id.id)
        elif self.currency_id:
            about = Domain("currency_id", "=", self.currency_id.id)
        domain &= about & Domain("state", "=", "unbilled")
        # Not by `search`, which asks this.
        query = Transaction._search(
            domain & Domain("id", ">", self.last_id), order="id", limit=limit
        )
        return Transaction.browse(query.get_result_ids())

    # === CRON === #

    @api.model
    def _cron_compute(self):
        """Compute what has yet to follow, the oldest first; commits after each step."""
        changes = self.search([])  # pylint: disable=no-search-all
        left = sum(len(change._search_stale()) for change in changes)
        commit_progress(self.env, remaining=left)
        for change in changes:
            while count := retry(self.env, change._compute_next):
                left = max(left - count, 0)
                seconds = commit_progress(self.env, count, left)
                # What was computed is not needed any more.
                self.env.invalidate_all()
                if not seconds:
                    return
            change.unlink()
            commit_progress(self.env)

    def _compute_next(self):
        """Compute some of it; return how many there were."""
        found = self._search_stale(limit=CHUNK)
        if found:
            found._compute_anew()
            self.last_id = found[-1].id
        return len(found)
