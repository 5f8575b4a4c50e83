"""Reading what a bank says of direct debits that came back.

Three kinds of files tell of it: *pain.002* (before the money moves), and the bank's
statement and notification, *camt.053* and *camt.054* (after). Each returned debit is
found by the end-to-end reference that we gave it. Nothing here knows of Odoo.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

from lxml import etree

#: Kind, and the versions that are read.
KNOWN = {
    "pain.002.001": ("03", "10"),
    "camt.053.001": ("02", "08"),
    "camt.054.001": ("02", "08"),
}
PREFIX = "urn:iso:std:iso:20022:tech:xsd:"
#: Of a bank transaction code: direct debits that were received or issued.
DEBIT_FAMILIES = {"IDDT", "RDDT"}
#: Of those, what did not come to pass: unpaid, reversed, rejected.
RETURN_SUBFAMILIES = {"UPDD", "PRDD", "RCDD"}


class UnreadableError(Exception):
    """The file cannot be read; `why` is ``xml``, ``kind`` or ``broken``."""

    def __init__(self, why: str, detail: str = "") -> None:
        super().__init__(why, detail)
        self.why = why
        self.detail = detail


@dataclass(frozen=True)
class Return:
    """One debit that came back.

    ``amount`` is None where the bank does not say it. ``code`` is a code of ISO 20022,
    ``text`` what the bank wrote besides. ``day`` is when the bank booked it.
    ``mandate`` is that of the debit, ``account`` the IBAN that it was collected to.
    """

    reference: str
    code: str = ""
    text: str = ""
    amount: Decimal | None = None
    currency: str = ""
    day: date | None = None
    mandate: str = ""
    account: str = ""


@dataclass
class Report:
    """What a file says.

    ``messages`` and ``blocks`` are those of our own files that were refused whole: the
    name of the file, or of one of its parts, with why.
    """

    kind: str
    reference: str
    returns: list[Return] = field(default_factory=list)
    messages: dict[str, Return] = field(default_factory=dict)
    blocks: dict[str, Return] = field(default_factory=dict)


def read(content: bytes) -> Report:
    """Read a file.

    :raise UnreadableError: ``xml`` if it is none, or has a document type, which may
        name other files; ``kind`` if it is of another kind; ``broken`` if something in
        it is not as the kind asks for.
    """
    root = _parse(content)
    namespace = etree.QName(root).namespace or ""
    name = namespace.removeprefix(PREFIX)
    kind, _dot, version = name.rpartition(".")
    if version not in KNOWN.get(kind, ()):
        raise UnreadableError("kind", name or etree.QName(root).localname)
    try:
        return _read_status(root, name) if kind == "pain.002.001" else _read(root, name)
    except (InvalidOperation, ValueError, TypeError) as error:
        raise UnreadableError("broken", str(error)) from error


def _parse(content: bytes) -> etree._Element:
    """Parse without a look at anything else: no entities, no other file, no network."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableError("xml", str(error)) from error
    if root.getroottree().docinfo.doctype:
        raise UnreadableError("xml", "DOCTYPE")
    return root


# === pain.002 === #


def _read_status(root: etree._Element, name: str) -> Report:
    report = Report(name, _text(root, "CstmrPmtStsRpt/GrpHdr/MsgId"))
    [status] = _find(root, "CstmrPmtStsRpt")
    [group] = _find(status, "OrgnlGrpInfAndSts")
    is_whole = _text(group, "GrpSts") == "RJCT"
    group_why = _read_why(group, "StsRsnInf")
    if is_whole:
        report.messages[_text(group, "OrgnlMsgId")] = Return("", *group_why)
    for block in _find(status, "OrgnlPmtInfAndSts"):
        # What is refused whole may be told of in part: with the one that was wrong.
        block_status = _text(block, "PmtInfSts")
        block_why = _read_why(block, "StsRsnInf")
        if block_status == "RJCT":
            report.blocks[_text(block, "OrgnlPmtInfId")] = Return("", *block_why)
        inherited = block_status or ("RJCT" if is_whole else "")
        why = block_why if any(block_why) else group_why
        for one in _find(block, "TxInfAndSts"):
            if (_text(one, "TxSts") or inherited) == "RJCT":
                report.returns.append(_read_rejected(one, why))
    return report


def _read_rejected(one: etree._Element, why: tuple[str, str]) -> Return:
    own = _read_why(one, "StsRsnInf")
    code, text = own if any(own) else why
    amount, currency = _read_amount(one, "OrgnlTxRef/Amt/InstdAmt")
    return Return(
        _text(one, "OrgnlEndToEndId"),
        code,
        text,
        amount,
        currency,
        mandate=_text(one, "OrgnlTxRef/MndtRltdInf/MndtId"),
        account=_text(one, "OrgnlTxRef/CdtrAcct/Id/IBAN"),
    )


# === camt.053, camt.054 === #


def _read(root: etree._Element, name: str) -> Report:
    [message] = [one for one in root if etree.QName(one).localname.startswith("BkTo")]
    report = Report(name, _text(message, "GrpHdr/MsgId"))
    for part in (*_find(message, "Stmt"), *_find(message, "Ntfctn")):
        account = _text(part, "Acct/Id/IBAN")
        for entry in _find(part, "Ntry"):
            status = _text(entry, "Sts/Cd") or _text(entry, "Sts")
            if status == "BOOK":
                report.returns += _read_entry(entry, account)
    return report


def _read_entry(entry: etree._Element, account: str) -> Iterator[Return]:
    details = list(_find(entry, "NtryDtls/TxDtls"))
    day = _read_day(entry, "BookgDt/Dt") or _read_day(entry, "BookgDt/DtTm")
    if not details and _is_return(entry, entry):
        # Many together: accounting looks which.
        amount, currency = _read_amount(entry, "Amt")
        text = _text(entry, "AddtlNtryInf")
        yield Return("", "", text, amount, currency, day, account=account)
    for one in details:
        if not _is_return(entry, one):
            continue
        code, text = _read_why(one, "RtrInf")
        # What was asked for first: the bank may have added what it charges.
        amount, currency = _read_amount(one, "AmtDtls/InstdAmt/Amt")
        if amount is None:
            amount, currency = _read_amount(one, "Amt")
        if amount is None:
            amount, currency = _read_amount(one, "AmtDtls/TxAmt/Amt")
        if amount is None and len(details) == 1:
            amount, currency = _read_amount(entry, "Amt")
        reference = _text(one, "Refs/EndToEndId")
        mandate = _text(one, "Refs/MndtId")
        yield Return(reference, code, text, amount, currency, day, mandate, account)


def _is_return(entry: etree._Element, one: etree._Element) -> bool:
    """Whether money that was collected left the account again."""
    side = _text(one, "CdtDbtInd") or _text(entry, "CdtDbtInd")
    if side != "DBIT":
        return False
    if next(_find(one, "RtrInf"), None) is not None:
        return True
    return any(
        _text(place, "BkTxCd/Domn/Fmly/Cd") in DEBIT_FAMILIES
        and _text(place, "BkTxCd/Domn/Fmly/SubFmlyCd") in RETURN_SUBFAMILIES
        for place in (one, entry)
    )


# === Parts === #


def _find(element: etree._Element, path: str) -> Iterator[etree._Element]:
    """Find elements by their names, whatever the namespace."""
    return element.iterfind("/".join(f"{{*}}{name}" for name in path.split("/")))


def _text(element: etree._Element, path: str) -> str:
    found = next(_find(element, path), None)
    return "" if found is None else (found.text or "").strip()


def _read_why(element: etree._Element, name: str) -> tuple[str, str]:
    """Return the code and the words of the bank."""
    code = _text(element, f"{name}/Rsn/Cd") or _text(element, f"{name}/Rsn/Prtry")
    words = (one.text or "" for one in _find(element, f"{name}/AddtlInf"))
    return code, " ".join(filter(None, map(str.strip, words)))


def _read_amount(
    element: etree._Element, path: str
) -> tuple[Decimal, str] | tuple[None, str]:
    found = next(_find(element, path), None)
    if found is None:
        return None, ""
    amount = Decimal((found.text or "").strip())
    if not amount.is_finite() or amount <= 0:
        raise ValueError(found.text)
    return amount, found.get("Ccy", "")


def _read_day(element: etree._Element, path: str) -> date | None:
    text = _text(element, path)
    return date.fromisoformat(text[:10]) if text else None
