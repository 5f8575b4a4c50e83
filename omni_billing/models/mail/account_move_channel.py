from odoo import models

from ...const import NO_CHANNELS

#: States of an e-invoice that is not sent again by itself.
TAKEN = ("queued", "sent", "delivered", "opened")


class AccountMove(models.Model):
    """How an invoice goes out: by e-mail, by an e-invoicing platform, or by both."""

    _inherit = "account.move"

    def _billing_get_ways(self, kind):
        """Return the ways of a message: names of channels, and "" for our e-mail.

        A reminder is always an e-mail. An invoice goes as set for the customer
        (*Invoice sending*), and by each other channel that reaches the customer; who
        asks for it once more after it was taken gets the e-mail.
        """
        self.ensure_one()
        if kind != "invoice":
            return [""]
        channels = sorted(
            self._billing_get_channels() - self._billing_list_channels(TAKEN)
        )
        is_instead = self._billing_get_sending_method() in channels
        return channels if is_instead else ["", *channels]

    def _billing_get_sending_method(self):
        """Return how Odoo sends the customer's invoices, as staff set it."""
        self.ensure_one()
        customer = self.commercial_partner_id.with_company(self.company_id)
        # sudo: how invoices go out is no secret from who sends them.
        return customer.sudo().invoice_sending_method

    def _billing_get_channels(self):
        """Return the channels of the invoice, by their names in Odoo. Hook.

        Whoever adds one asks nobody outside here.
        """
        method = self._billing_get_sending_method()
        return {method} - {False, *NO_CHANNELS}

    def _billing_list_channels(self, states=None):
        """Return by which channels it was sent, or is being sent.

        :param states: of `omni.billing.mail`, if not all count.
        """
        # sudo: staff send, whatever they may read of messages.
        mails = self.sudo().billing_mail_ids
        if states:
            mails = mails.filtered(lambda mail: mail.state in states)
        return {mail.channel for mail in mails if mail.channel}

    def _billing_get_channel_problem(self, channel):
        """Return code and text of what keeps a channel from being used, or nothing.

        Hook.
        """
        self.ensure_one()
        if self._billing_can_send_by(channel):
            return None
        return "channel", self.env._(
            "%(company)s is not registered to send e-invoices. An administrator does it"
            " in Settings > Accounting.",
            company=self.company_id.display_name,
        )

    def _billing_can_send_by(self, channel):
        """Whether the company is registered with a channel. Hook."""
        sender = self.env["account.move.send"]
        return sender._is_applicable_to_company(channel, self.company_id)

    def _billing_get_way_problem(self, channel):
        """Return code and text of what keeps one of the ways from being used."""
        if channel:
            return self._billing_get_channel_problem(channel)
        return self._billing_get_mail_problem()

    def _billing_is_taken_by_channel(self, channel):
        """Whether a platform is known to have the e-invoice. Hook."""
        return False
