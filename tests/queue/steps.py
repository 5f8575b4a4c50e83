"""How much one job does here: so little that a few customers make many jobs."""

from __future__ import annotations

#: Customers billed, cards charged, and PDFs made in one job.
CHUNK = 10
CHARGES = 3
PDFS = 5
#: Jobs that may be under way at once, in so many processes; one is left for people.
JOBS = 3
WORKERS = JOBS + 1
#: A job that is held waits, and is not killed by Odoo for being slow.
HELD_SECONDS = 600
