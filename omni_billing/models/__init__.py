# In the order of the rooms: what comes later extends what came before.
from . import base  # isort: skip
from . import ledger  # isort: skip
from . import invoicing  # isort: skip
from . import payments  # isort: skip
from . import cards  # isort: skip
from . import settlement  # isort: skip
from . import documents  # isort: skip
from . import mail  # isort: skip
from . import collection  # isort: skip
from . import services  # isort: skip
from . import overdue  # isort: skip
from . import runs  # isort: skip
from . import customers  # isort: skip
from . import reporting  # isort: skip
from . import outgoing  # isort: skip
from . import desk  # isort: skip
