"""Rating of usage: plain Python, exact numbers, no clock and no database.

`charges` says what a quantity costs; `durations` and `prices` which price an event has;
`allowances` and `limits` what is included, the least and the most; `rate` puts them
together, and says what an amount is made of.
"""
