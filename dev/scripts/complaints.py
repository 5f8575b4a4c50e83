"""What Odoo complains of in a story, for a script in ``odoo shell`` to print."""

import logging

#: Who warns of what fails as it is to: a card, a refund, a debit.
EXPECTED = ("odoo.addons.omni_billing", "odoo.addons.payment")


class Complaints(logging.Handler):
    """Prints warnings and errors, but warnings of what the story is about."""

    def emit(self, record):
        """Print a record."""
        if record.levelno > logging.WARNING or not record.name.startswith(EXPECTED):
            print(record.name, record.getMessage())


def listen():
    """Print them from now on."""
    logging.getLogger().addHandler(Complaints(logging.WARNING))
