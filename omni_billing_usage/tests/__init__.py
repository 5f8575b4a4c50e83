"""The addon's tests; `bin/test` of its repository runs them.

Odoo imports them with ``--test-enable``, whatever is asked for. Where packages that
they use are missing, there are none, and other addons' tests run.
"""

import logging
from importlib.util import find_spec

NEEDED = ("aiosmtpd", "freezegun", "hypothesis", "openpyxl", "paramiko", "pypdf")
MISSING = [name for name in NEEDED if find_spec(name) is None]

if MISSING:
    logging.getLogger(__name__).info(
        "Left out, since there is no %s. To run them, install what is in"
        " test-requirements.txt of the addon's repository.",
        ", ".join(MISSING),
    )
else:
    from . import test_usage_alerts, test_usage_caps, test_usage_shown
    from . import test_usage_caps_at_once, test_usage_list
    from . import test_usage_at_once, test_usage_attacks, test_usage_doors
    from . import test_usage_fetch, test_usage_fetch_at_once
    from . import test_usage_file, test_usage_kept, test_usage_move, test_usage_sftp
    from . import test_usage_allowances, test_usage_topups
    from . import test_usage_intake, test_usage_json, test_usage_tables
    from . import test_usage_portal
    from . import test_usage_rating, test_usage_rating_billed, test_usage_rating_changes
    from . import test_usage_rating_at_once, test_usage_rating_doors
    from . import test_usage_rating_due, test_usage_rating_listed
    from . import test_usage_rating_many
    from . import test_usage_rating_proven
    from . import test_usage_rating_split, test_usage_units
