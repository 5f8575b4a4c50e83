"""A bank of the tests: files in which it tells what came back, of each kind."""

from datetime import date, timedelta

XSD = "urn:iso:std:iso:20022:tech:xsd:"


def tell(kind, *returns, message="MSG-1", mandate="", account="", day=None):
    """Return a file of a kind, as ``pain.002.001.03``.

    :param returns: reference, amount, currency and code of each.
    :param mandate: of each; not told if there is none.
    :param account: IBAN of the statement.
    :param day: on which a statement has them, a month from now unless it says.
    """
    mandate = f"<MndtId>{mandate}</MndtId>" if mandate else ""
    if kind.startswith("pain.002"):
        return _tell_status(kind, returns, message, mandate)
    account = f"<Acct><Id><IBAN>{account}</IBAN></Id></Acct>" if account else ""
    day = day or date.today() + timedelta(days=30)
    return _tell_movements(kind, returns, message, mandate, account, day)


def refuse(kind, name, is_part=False, code="FF01", named=""):
    """Return the status of a file of ours, or of a part of it, that is refused whole.

    :param named: the reference of one debit in it, the only one that is told of.
    """
    if named:
        named = f"<TxInfAndSts><OrgnlEndToEndId>{named}</OrgnlEndToEndId></TxInfAndSts>"
    why = f"<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn></StsRsnInf>"
    group = f"<OrgnlMsgId>{'X' if is_part else name}</OrgnlMsgId>"
    part = ""
    if is_part:
        part = (
            f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{name}</OrgnlPmtInfId>"
            f"<PmtInfSts>RJCT</PmtInfSts>{why}{named}</OrgnlPmtInfAndSts>"
        )
    else:
        if named:
            part = (
                "<OrgnlPmtInfAndSts><OrgnlPmtInfId>X</OrgnlPmtInfId>"
                f"{named}</OrgnlPmtInfAndSts>"
            )
        group += f"<GrpSts>RJCT</GrpSts>{why}"
    return _wrap(
        kind,
        "<CstmrPmtStsRpt><GrpHdr><MsgId>R-1</MsgId></GrpHdr><OrgnlGrpInfAndSts>"
        f"{group}</OrgnlGrpInfAndSts>{part}</CstmrPmtStsRpt>",
    )


def _tell_status(kind, returns, message, mandate):
    mandate = mandate and f"<MndtRltdInf>{mandate}</MndtRltdInf>"
    told = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{reference}</OrgnlEndToEndId>"
        f"<TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>{code}</Cd></Rsn></StsRsnInf>"
        f'<OrgnlTxRef><Amt><InstdAmt Ccy="{currency}">{amount}</InstdAmt></Amt>'
        f"{mandate}</OrgnlTxRef></TxInfAndSts>"
        for reference, amount, currency, code in returns
    )
    # One that the bank accepted is told as well.
    accepted = (
        "<TxInfAndSts><OrgnlEndToEndId>OTHER</OrgnlEndToEndId><TxSts>ACCP</TxSts>"
        "</TxInfAndSts>"
    )
    return _wrap(
        kind,
        f"<CstmrPmtStsRpt><GrpHdr><MsgId>{message}</MsgId></GrpHdr><OrgnlGrpInfAndSts>"
        "<OrgnlMsgId>X</OrgnlMsgId><OrgnlMsgNmId>pain.008.001.08</OrgnlMsgNmId>"
        "<GrpSts>PART</GrpSts></OrgnlGrpInfAndSts><OrgnlPmtInfAndSts>"
        f"<OrgnlPmtInfId>P</OrgnlPmtInfId>{accepted}{told}</OrgnlPmtInfAndSts>"
        "</CstmrPmtStsRpt>",
    )


def _tell_movements(kind, returns, message, mandate, account, day):
    outer, inner = ("BkToCstmrStmt", "Stmt")
    if kind.startswith("camt.054"):
        outer, inner = ("BkToCstmrDbtCdtNtfctn", "Ntfctn")
    is_new = kind.endswith(".08")
    booked = "<Cd>BOOK</Cd>" if is_new else "BOOK"
    told = []
    for reference, amount, currency, code in returns:
        money = f'<Amt Ccy="{currency}">{amount}</Amt>'
        # The entry is of more than was debited: the bank charges for the return.
        more = f'<Amt Ccy="{currency}">{float(amount) + 3:.2f}</Amt>'
        details = f"<AmtDtls><InstdAmt>{money}</InstdAmt></AmtDtls>"
        told.append(
            f"<Ntry>{more}<CdtDbtInd>DBIT</CdtDbtInd><Sts>{booked}</Sts>"
            f"<BookgDt><Dt>{day}</Dt></BookgDt><BkTxCd><Domn><Cd>PMNT</Cd><Fmly>"
            "<Cd>IDDT</Cd><SubFmlyCd>UPDD</SubFmlyCd></Fmly></Domn></BkTxCd>"
            f"<NtryDtls><TxDtls><Refs><EndToEndId>{reference}</EndToEndId>{mandate}"
            f"</Refs>{details}<RtrInf><Rsn><Cd>{code}</Cd></Rsn></RtrInf></TxDtls></NtryDtls>"
            "</Ntry>"
        )
    # Money that came, money that went out, and what is not booked yet.
    for side, status in (("CRDT", booked), ("DBIT", booked), ("DBIT", "PDNG")):
        told.append(
            f'<Ntry><Amt Ccy="EUR">7.00</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts>{status}'
            "</Sts><NtryDtls><TxDtls><Refs><EndToEndId>SALARY</EndToEndId></Refs>"
            "</TxDtls></NtryDtls></Ntry>"
        )
    return _wrap(
        kind,
        f"<{outer}><GrpHdr><MsgId>{message}</MsgId></GrpHdr><{inner}>{account}"
        f"{''.join(told)}</{inner}></{outer}>",
    )


def _wrap(kind, body):
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{XSD}{kind}">{body}'
        "</Document>"
    ).encode()
