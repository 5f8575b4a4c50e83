"""How many customers are billed where one fault is looked at."""

from __future__ import annotations

import os

FEW = int(os.environ.get("OMNI_LOAD_FEW", "300"))
