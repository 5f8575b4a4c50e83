"""The addon's tests; `bin/test` of its repository runs them.

Odoo imports them with ``--test-enable``, whatever is asked for. Where packages that
they use are missing, there are none, and other addons' tests run.
"""

import logging
from importlib.util import find_spec

NEEDED = ("aiosmtpd", "freezegun", "hypothesis", "pypdf")
MISSING = [name for name in NEEDED if find_spec(name) is None]

if MISSING:
    logging.getLogger(__name__).info(
        "Left out, since there is no %s. To run them, install what is in"
        " test-requirements.txt of the addon's repository.",
        ", ".join(MISSING),
    )
else:
    from . import test_packs, test_packs_at_once, test_packs_booked, test_packs_doors
    from . import test_packs_changed, test_packs_pages
    from . import test_wallets, test_wallets_at_once, test_wallets_auto
    from . import test_wallets_doors, test_wallets_ended
