"""Where things are."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDON = ROOT / "omni_billing"
#: Ours, and those that install themselves where it meets another addon.
ADDONS = sorted(file.parent for file in ROOT.glob("omni_billing*/__manifest__.py"))
#: Needs an addon of others, which is in test databases of its own only.
QUEUE_ADDON = ROOT / "omni_billing_queue_job"
#: Needs one of Odoo's that installs itself in some countries only.
PEPPOL_ADDON = ROOT / "omni_billing_peppol"
#: Needs Odoo's Sales, which changes much that tests look at.
SALE_ADDON = ROOT / "omni_billing_sale"
#: Needs addons of OCA, as the job queue does.
SEPA_ADDON = ROOT / "omni_billing_sepa"
#: Not for everybody: who has no meters gets no tables of it.
USAGE_ADDON = ROOT / "omni_billing_usage"
#: Not for everybody either: who sells nothing in advance.
WALLET_ADDON = ROOT / "omni_billing_wallet"
#: Not in each test database.
GUEST_ADDONS = (
    *(QUEUE_ADDON, PEPPOL_ADDON, SALE_ADDON, SEPA_ADDON, USAGE_ADDON),
    WALLET_ADDON,
)
SCRIPTS = ROOT / "dev" / "scripts"
ODOO_BIN = ROOT / "dev" / "odoo-bin"

#: Another folder for a run apart from all others; see `dev/apart.py`.
STATE = Path(os.environ.get("OMNI_STATE_DIR") or ROOT / ".omni")
CACHE = STATE / "cache"
LOGS = STATE / "logs"
SHOTS = STATE / "screenshots"
DATA = Path(os.environ.get("OMNI_DATA_DIR") or STATE / "data")
TEST_DATA = STATE / "test"

#: Other versions of them and of the test tools, without hashes; see `official.py`.
OTHER_REQUIREMENTS = os.environ.get("OMNI_REQUIREMENTS")
REQUIREMENTS = Path(OTHER_REQUIREMENTS or ROOT / "requirements.txt")
TEST_REQUIREMENTS = ROOT / "test-requirements.txt"
QUEUE_REQUIREMENTS = ROOT / "queue-requirements.txt"
SEPA_REQUIREMENTS = ROOT / "sepa-requirements.txt"
SFTP_REQUIREMENTS = ROOT / "sftp-requirements.txt"
LOAD_REQUIREMENTS = ROOT / "bench-requirements.txt"
STRIPE_REQUIREMENTS = ROOT / "stripe-requirements.txt"
