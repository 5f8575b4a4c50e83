"""Several at once, on connections that commit: no test of Odoo's runner."""

from contextlib import contextmanager
from threading import Thread

from odoo import SUPERUSER_ID, api
from odoo.exceptions import UserError
from odoo.modules.registry import Registry
from odoo.service.model import retrying
from odoo.tests import BaseCase, get_db_name

#: Whether a connection waits for a lock that another one has.
WAITING = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"


class AtOnceCase(BaseCase):
    """People who are at the same thing, each on a connection of its own.

    Whoever inherits this is tagged `omni_billing_at_once`, and leaves nothing behind.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry = Registry(get_db_name())

    @classmethod
    @contextmanager
    def _connect(cls):
        with cls.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            env.transaction.default_env = env
            yield env

    def _meet(self, first, second):
        """Have the first commit while the second is at it, or waits for it.

        Who waited begins again then, as requests do.

        :return: what the second was told, nothing if it did it.
        """
        pids, answers = [], []

        def act():
            with self._connect() as env:
                # From here on it sees what is there now.
                env.cr.execute("SELECT pg_backend_pid()")
                pids.append(env.cr.fetchone()[0])
                try:
                    retrying(lambda: second(env), env)
                    answers.append("")
                except UserError as error:
                    answers.append(str(error))

        other = Thread(target=act)
        with self._connect() as env:
            first(env)
            env.flush_all()
            other.start()
            with self._connect() as watch:
                while other.is_alive() and not (pids and _is_waiting(watch, pids[0])):
                    watch.cr.rollback()
        other.join()
        [answer] = answers
        return answer


def _is_waiting(env, pid):
    env.cr.execute(WAITING, [pid])
    return env.cr.rowcount
