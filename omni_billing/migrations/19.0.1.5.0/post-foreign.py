import logging

_logger = logging.getLogger(__name__)


def migrate(cr, version):
    """Let invoices that only had a title be drafts again, as Odoo lets them.

    They were Odoo's, and void for ever once they were canceled. Of ours the lines have
    the day of the charge, also when they are void.
    """
    cr.execute(
        """
        UPDATE account_move move SET billing_is_void = FALSE
         WHERE move.billing_is_void AND move.state = 'cancel'
           AND NOT EXISTS (SELECT 1 FROM account_move_line line
                            WHERE line.move_id = move.id
                              AND line.billing_date IS NOT NULL)
           AND NOT EXISTS (SELECT 1 FROM omni_billing_released_rel released
                            WHERE released.move_id = move.id)
           AND NOT EXISTS (SELECT 1 FROM account_move origin
                            WHERE origin.id = move.reversed_entry_id
                              AND origin.billing_is_void)
           AND NOT EXISTS (SELECT 1 FROM account_move note
                            WHERE note.reversed_entry_id = move.id
                              AND note.state = 'posted')
     RETURNING move.id
        """
    )
    if count := cr.rowcount:
        _logger.info("Canceled invoices that may be drafts again: %s", count)
