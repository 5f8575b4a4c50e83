import logging

_logger = logging.getLogger(__name__)


def migrate(cr, version):
    """Have what a card paid in Odoo's dialog booked, whose entry stayed a draft.

    The process had died before it was posted, and it was taken for booked. The job
    books it as any payment that is done.
    """
    cr.execute(
        """
        UPDATE payment_transaction tx SET is_post_processed = FALSE
          FROM payment_provider provider, account_payment payment, account_move move
         WHERE provider.id = tx.provider_id AND provider.code = 'stripe'
           AND payment.id = tx.payment_id AND move.id = payment.move_id
           AND tx.state = 'done' AND tx.is_post_processed
           AND payment.state IN ('in_process', 'paid') AND move.state = 'draft'
     RETURNING tx.reference
        """
    )
    if references := [reference for (reference,) in cr.fetchall()]:
        _logger.warning("Booked by the job: %s", ", ".join(references))
