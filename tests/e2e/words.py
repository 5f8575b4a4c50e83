"""The words on the screens, in the languages that stories are told in.

They are written here once more, not read from the addon: a screen that speaks
otherwise than agreed fails the story.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

FRENCH = {
    "Actions": "Actions",
    "Add a Transaction": "Ajouter une transaction",
    "Cash": "Espèces",
    "Clear All": "Tout effacer",
    "Confirm Void": "Confirmer l'annulation",
    "Customer Billing": "Facturation client",
    "Download PDF": "Télécharger PDF",
    "Generate Invoice": "Générer la facture",
    "Generate a Proforma Invoice": "Générer une facture pro forma",
    "More": "Plus",
    "Operations": "Opérations",
    "Pay": "Payer",
    "Pay Invoice": "Payer la facture",
    "Paid": "Payé",
    "Save": "Enregistrer",
    "Select All": "Tout sélectionner",
    "Send by e-mail": "Envoyer un e-mail",
    "Send by E-mail": "Envoyer un e-mail",
    "Send a Reminder": "Envoyer une relance",
    "Send a Test": "Envoyer un test",
    "Send with a Message": "Envoyer avec un message",
    "Unbilled": "Non facturé",
    "Unpaid": "Impayé",
    "Void": "Annulé",
    "Void Invoice": "Annuler la facture",
    "transaction selected": "transaction sélectionnée",
    "transactions selected": "transactions sélectionnées",
}


class Language:
    """A language: its words, and how it writes amounts and counts."""

    def __init__(self, code: str, words: Mapping[str, str] | None = None) -> None:
        self.code = code
        self._words = words

    def say(self, english: str) -> str:
        """Give the words for it; there have to be some."""
        return english if self._words is None else self._words[english]

    def amount(self, value: float) -> str:
        """Write an amount in dollars; our screens put them first."""
        text = f"{value:,.2f}"
        return f"$ {text if self._words is None else text.replace('.', ',')}"

    def is_one(self, number: int) -> bool:
        """Tell whether a number goes with a singular; in French, zero does."""
        return number == 1 or (number == 0 and self.code == "fr_FR")


LANGUAGES = {
    language.code: language
    for language in (Language("en_US"), Language("fr_FR", FRENCH))
}
_spoken = [LANGUAGES["en_US"]]


def spoken() -> Language:
    """Give the language that the screens are in."""
    return _spoken[-1]


def say(english: str) -> str:
    """Give the words of the screen that mean this."""
    return spoken().say(english)


@contextmanager
def speaking(code: str) -> Iterator[Language]:
    """Let the screens be in another language."""
    _spoken.append(LANGUAGES[code])
    try:
        yield spoken()
    finally:
        _spoken.pop()
