"""The outside world, behind one class for each service. No `odoo` import here."""
