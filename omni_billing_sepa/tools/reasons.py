"""What a bank's code for a return asks for.

The codes are those of ISO 20022, External Code Sets (ExternalReturnReason1Code and
ExternalStatusReason1Code), as the SEPA Core rulebook uses them for direct debits.
"""

#: The account or the mandate cannot be debited any more.
ENDS_MANDATE = frozenset(
    {
        *("AC01", "AC04", "AC06", "AC13", "AG01"),
        *("MD01", "MD06", "MD07", "SL01"),
    }
)
#: Something is wrong with the file, or between banks: no fault of who is debited.
NO_FAULT = frozenset(
    {
        *("AG02", "AM05", "BE05", "CNOR", "DNOR", "DT01", "ED05", "FF01", "FF05"),
        *("FOCR", "MD02", "RC01", "TM01"),
    }
)
