"""States of what OCA and Odoo have, for which billing has rules."""

#: Of a mandate by which may be debited.
HOLDS = ("valid", "final")
#: Of an order that the customers were told of: the bank has it, or gets it as it is.
FIXED = ("open", "generated", "uploaded")
#: Of a payment that is in the books: Odoo goes from one to the other by itself.
BOOKED = {"in_process", "paid"}
