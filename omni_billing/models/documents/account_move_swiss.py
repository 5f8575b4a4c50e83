"""The payment part of a Swiss invoice, as the style guide of the QR-bill wants it.

What it says, and its code, come from Odoo's `l10n_ch`; each text is read from what is
in the code, since both have to be the same.
"""

from odoo import models
from odoo.tools import get_lang

from ...tools.qr import make_qr

#: The guide's own words, in the languages that it allows; English for all others.
WORDS = {
    "en": {
        "receipt": "Receipt",
        "part": "Payment part",
        "account": "Account / Payable to",
        "reference": "Reference",
        "message": "Additional information",
        "debtor": "Payable by",
        "currency": "Currency",
        "amount": "Amount",
        "point": "Acceptance point",
        "cut": "Separate before paying in",
    },
    "de": {
        "receipt": "Empfangsschein",
        "part": "Zahlteil",
        "account": "Konto / Zahlbar an",
        "reference": "Referenz",
        "message": "Zusätzliche Informationen",
        "debtor": "Zahlbar durch",
        "currency": "Währung",
        "amount": "Betrag",
        "point": "Annahmestelle",
        "cut": "Vor der Einzahlung abzutrennen",
    },
    "fr": {
        "receipt": "Récépissé",
        "part": "Section paiement",
        "account": "Compte / Payable à",
        "reference": "Référence",
        "message": "Informations supplémentaires",
        "debtor": "Payable par",
        "currency": "Monnaie",
        "amount": "Montant",
        "point": "Point de dépôt",
        "cut": "A détacher avant le versement",
    },
    "it": {
        "receipt": "Ricevuta",
        "part": "Sezione pagamento",
        "account": "Conto / Pagabile a",
        "reference": "Riferimento",
        "message": "Informazioni supplementari",
        "debtor": "Pagabile da",
        "currency": "Valuta",
        "amount": "Importo",
        "point": "Punto di accettazione",
        "cut": "Da staccare prima del versamento",
    },
}
#: Where what is in the lines of a code (version 0200): of address type S.
IBAN, CREDITOR, AMOUNT, CURRENCY, DEBTOR, KIND, REFERENCE, MESSAGE = (
    *(3, slice(5, 11), 18, 19, slice(21, 27), 27, 28, 29),
)


class AccountMove(models.Model):
    _inherit = "account.move"

    def _billing_prepare_swiss_part(self):
        """Return what the payment part of a Swiss invoice shows, or nothing.

        As in Odoo, of an invoice to a customer in Switzerland or Liechtenstein, in CHF
        or EUR; not where nothing is left to pay, or an address is not whole.

        :return: ``words`` of the guide, the texts, and ``qr``, a ``data:`` URL.
        """
        self.ensure_one()
        if not (
            "l10n_ch_is_qr_valid" in self._fields
            and self.l10n_ch_is_qr_valid
            and self.amount_residual
            and self._billing_get_pay_link()
        ):
            return None
        lines = self._billing_get_swiss_code()
        if not lines:
            return None
        reference = lines[REFERENCE]
        if lines[KIND] == "QRR":
            reference = self.space_qrr_reference(reference)
        elif reference:
            reference = self.space_scor_reference(reference)
        amount = f"{float(lines[AMOUNT]):,.2f}".replace(",", "\N{NO-BREAK SPACE}")
        iban = lines[IBAN]
        blocks = [iban[start : start + 4] for start in range(0, len(iban), 4)]
        return {
            "words": WORDS.get(get_lang(self.env).code[:2], WORDS["en"]),
            "creditor": "\n".join([" ".join(blocks), *_write(lines[CREDITOR])]),
            "debtor": "\n".join(_write(lines[DEBTOR])),
            "reference": reference.strip(),
            "message": lines[MESSAGE],
            "currency": lines[CURRENCY],
            "amount": amount,
            "qr": make_qr("\n".join(lines)),
        }

    def _billing_get_swiss_code(self):
        """Return the lines of the code, or nothing if Odoo says that it cannot be."""
        bank, reference = self.partner_bank_id, self.payment_reference
        is_structured = bank.l10n_ch_qr_iban or bank._is_iso11649_reference(reference)
        message = self.ref or self.name
        if not is_structured:
            message = reference or message
        arguments = (
            *("ch_qr", self.amount_residual, self.currency_id, self.partner_id),
            *(message, reference),
        )
        if bank._check_for_qr_code_errors(*arguments):
            return None
        return bank._get_qr_vals(*arguments)


def _write(address):
    """Return name, street, place of an address in a code."""
    name, street, number, code, city, country = address
    place = " ".join(filter(None, (code, city)))
    if country not in ("CH", "LI"):
        place = f"{country} {place}"
    return filter(None, (name, f"{street} {number}".strip(), place))
