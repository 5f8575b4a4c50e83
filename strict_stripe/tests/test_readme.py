"""What README.md shows works as it is written."""

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_example_runs():
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})


def test_server_runs_alone_and_takes_commands():
    command = [sys.executable, "-m", "strict_stripe"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        where = json.loads(process.stdout.readline())
        for name, given in re.findall(r"/_control/(\w+)[\s\\]+-d '(.*)'", README):
            with urlopen(f"{where['control']}/_control/{name}", given.encode()) as told:
                assert told.status == 200
        process.terminate()
    assert process.returncode == 0


def test_calls_of_the_tables_are_there():
    from strict_stripe import StripeServer

    rows = re.findall(r"^\| (`.*?) \|", README, re.MULTILINE)
    called = {name for row in rows for name in re.findall(r"(\w+)\(", row)}
    assert {"hold", "drop", "deliver", "settle"} <= called
    assert called <= {*dir(StripeServer), "wait", "release"}
