"""A proxy in front of Odoo, that holds what comes until a worker has time for it.

Odoo has eight connections wait for each worker, and the system drops others; their
owners try again after one, three and seven seconds, or are cut off.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev import borrowed, server
from dev.system import die_with_parent

#: Requests that are at Odoo at once, for each worker: one is worked on, one waits.
PER_WORKER = 2
# Who asks keeps a connection to the proxy; the proxy opens one for each request, since
# a worker would wait for the next on it (docs/deploy.md).
CONFIGURATION = """\
defaults
    mode http
    option http-server-close
    timeout connect 10s
    timeout client 60s
    timeout queue 60s
    timeout server 120s
listen odoo
    bind 127.0.0.1:{port}
    maxconn 2000
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    server odoo 127.0.0.1:{odoo} maxconn {connections}
"""


@contextmanager
def holding(odoo: int, workers: int, port: int) -> Iterator[str]:
    """Stand before Odoo at one port, and listen at another; give the address.

    Who asks says by ``X-Forwarded-For`` from where: people of a test are all here.
    """
    program = borrowed.haproxy()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "haproxy.cfg")
        connections = PER_WORKER * workers
        file.write_text(
            CONFIGURATION.format(port=port, odoo=odoo, connections=connections)
        )
        with subprocess.Popen(
            [program.path, "-q", "-f", file],
            env=program.environment,
            stdin=subprocess.DEVNULL,
            preexec_fn=die_with_parent,
        ) as process:
            try:
                server.wait_for_port(port, process, "The proxy does not start")
                yield f"http://localhost:{port}"
            finally:
                process.terminate()
