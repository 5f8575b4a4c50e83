"""Who works on what: every lock is one of these, or one of Odoo's two.

**Which one.** Odoo's own never wait, and are right wherever it may be done later:

- ``records.lock_for_update(allow_referencing=True)``, for a person: who comes second is
  told so (`LockError`), and nothing was done; `lock_or_tell` says it in words.
- ``records.try_lock_for_update(allow_referencing=True)``, for a job: what others are
  at is left to them, or to its next run.

Both let others insert rows that name the record. Without ``allow_referencing`` who does
that comes first, too: as who takes a payment does, before a late fee or a reminder.

Those of this file wait, since what they are for cannot be left:

- `wait_for`: what is known has to be written down, whoever else writes there.
- `take_turns`: the same, and who comes second has to begin again and see what the first
  did, in other rows as well: one outcome is booked once.
- `hold`: one at a time across commits, with which row locks end.
- `be_first`: what one makes, all who wait for it take.
- `wait_for_series`: jobs give numbers one after the other.

**In which order.** Who waits for a lock while another waits for theirs would wait in a
circle; PostgreSQL ends it after a second, and one of both begins again. So who takes
several takes them in this order, and several of one kind by their ids:

1. what is held: a dialog, a reference from outside; the tables of months of usage
2. a run, then its lines; lines of a sales order; a cheque, a scheduled payment, a
   service, then its coupon, transactions to be billed; an e-mail
3. invoices, then packs they sold, or invoices of prepaid money that pays them, then
   what the customer agreed to be charged
4. the attempt to charge or refund them
5. a payout that Stripe told of, then a dispute
6. the provider of the attempt, and what Odoo locks to book it
7. the series of numbers (`wait_for_series`), which Odoo's own index holds, too

A commit ends all but what is held: after it one begins at the top again, and reads
again. Whether a PDF is being made (`be_first`) is asked by readers, who have none of
these as a rule.

Odoo's transactions see what was there when they began. Who waited for a row that the
other has changed is refused by PostgreSQL, and it is done again: by `insist` or `retry`
of tools/database.py, or, for a request, by Odoo.
"""

from contextlib import contextmanager

from psycopg2.errors import LockNotAvailable

from odoo import modules
from odoo.exceptions import LockError, UserError
from odoo.tools import SQL, format_list

#: Space of the names that are held; the second half of each lock is a hash of the name.
HOLD_SPACE = 0x0B112
#: Space of the invoices whose PDF is being made; the second half is the invoice.
PDF_SPACE = 0x0B111
#: Space of the series of numbers that a run goes on with.
SERIES_SPACE = 0x0B113
#: Space of the tables of months for usage (`omni_billing_usage`): one lock for all.
USAGE_SPACE = 0x0B114
#: What another does first takes a call to Stripe at most, with its second try.
MAX_SECONDS = 90


class HeldError(Exception):
    """Somebody else works on it, for longer than one may wait."""


def lock_or_tell(records):
    """Lock records for a person; what is read of them after is what is true.

    :raise UserError: if somebody else is working on one of them.
    """
    try:
        records.lock_for_update(allow_referencing=True)
    except LockError as error:
        env = records.env
        raise UserError(
            env._(
                "Someone else is working on %(records)s right now. Nothing was changed:"
                " try again in a moment.",
                records=format_list(env, records[:5].mapped("display_name")),
            )
        ) from error
    records.invalidate_recordset()


def wait_for(records):
    """Wait until nobody else writes these records; what is read after is what is true.

    They are locked by their ids; others may still insert rows that name them. It ends
    with the transaction.
    """
    if records:
        records.env.cr.execute(
            SQL(
                "SELECT id FROM %s WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
                SQL.identifier(records._table),
                list(records.ids),
            )
        )
        records.invalidate_recordset()


def take_turns(records):
    """Wait as `wait_for` does, and have who comes second begin again after this one.

    The row is changed, and not only locked. PostgreSQL refuses it to a transaction that
    began before this one ended, whose snapshot lacks what was done in it: also where
    the row itself tells nothing of that.

    :param records: one, or several that are locked already: an update has no order.
    """
    records.env.cr.execute(
        SQL(
            "UPDATE %s SET write_date = write_date WHERE id = ANY(%s)",
            SQL.identifier(records._table),
            list(records.ids),
        ),
        # To be refused is how it works, and no reason to log what it is about.
        log_exceptions=False,
    )
    records.invalidate_recordset()


@contextmanager
def hold(env, *names):
    """Wait until nobody else holds these names, and hold them for the block.

    A row lock ends with the next commit, and who moves money commits in between. So
    another connection holds an advisory lock meanwhile; it ends with the block, or with
    the process. Who waited still sees what was true before: `take_turns` on a row that
    the other has changed tells so.

    :param str names: in an order that all keep.
    :raise HeldError: if another takes too long.
    """
    if modules.module.current_test:
        # Tests have one connection, and nobody to wait for.
        yield
        return
    with env.registry.cursor() as cr:
        cr.execute("SELECT set_config('lock_timeout', %s, true)", [f"{MAX_SECONDS}s"])
        for name in names:
            try:
                cr.execute(
                    "SELECT pg_advisory_xact_lock(%s, hashtext(%s))",
                    [HOLD_SPACE, name],
                    log_exceptions=False,
                )
            except LockNotAvailable as error:
                raise HeldError(name) from error
        yield


def be_first(env, space, number):
    """Be the one who makes something; who else is at it is waited for.

    No row tells of what is not made yet, so the lock is an advisory one. It ends with
    the transaction.

    :param int space: what is made, as `PDF_SPACE`.
    :param int number: of which record.
    :return: whether nobody else was at it. If somebody was, it may be made by now: a
        new transaction sees it, this one does not.
    """
    env.cr.execute(SQL("SELECT pg_try_advisory_xact_lock(%s, %s)", space, number))
    if env.cr.fetchone()[0]:
        return True
    env.cr.execute(SQL("SELECT pg_advisory_xact_lock(%s, %s)", space, number))
    return False


def wait_for_series(env, journal, prefix):
    """Wait until no other job gives numbers of a series; it ends with the transaction.

    :param journal: whose series it is.
    :param str prefix: what all its numbers begin with.
    """
    name = f"{journal.id}/{prefix}"
    env.cr.execute(
        SQL("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", SERIES_SPACE, name)
    )
