"""A bank of the tests: files in which it tells what came back, of each kind."""

XSD = "urn:iso:std:iso:20022:tech:xsd:"


def tell(kind, *returns, message="MSG-1"):
    """Return a file of a kind, as ``pain.002.001.03``.

    :param returns: reference, amount, currency and code of each.
    """
    if kind.startswith("pain.002"):
        return _tell_status(kind, returns, message)
    return _tell_movements(kind, returns, message)


def refuse(kind, name, is_part=False, code="FF01"):
    """Return the status of a file of ours, or of a part of it, that is refused whole"""
    why = f"<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn></StsRsnInf>"
    group = f"<OrgnlMsgId>{'X' if is_part else name}</OrgnlMsgId>"
    part = ""
    if is_part:
        part = (
            f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{name}</OrgnlPmtInfId>"
            f"<PmtInfSts>RJCT</PmtInfSts>{why}</OrgnlPmtInfAndSts>"
        )
    else:
        group += f"<GrpSts>RJCT</GrpSts>{why}"
    return _wrap(
        kind,
        "<CstmrPmtStsRpt><GrpHdr><MsgId>R-1</MsgId></GrpHdr><OrgnlGrpInfAndSts>"
        f"{group}</OrgnlGrpInfAndSts>{part}</CstmrPmtStsRpt>",
    )


def _tell_status(kind, returns, message):
    told = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{reference}</OrgnlEndToEndId>"
        f"<TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>{code}</Cd></Rsn></StsRsnInf>"
        f'<OrgnlTxRef><Amt><InstdAmt Ccy="{currency}">{amount}</InstdAmt></Amt>'
        "</OrgnlTxRef></TxInfAndSts>"
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


def _tell_movements(kind, returns, message):
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
            "<BookgDt><Dt>2026-03-02</Dt></BookgDt><BkTxCd><Domn><Cd>PMNT</Cd><Fmly>"
            "<Cd>IDDT</Cd><SubFmlyCd>UPDD</SubFmlyCd></Fmly></Domn></BkTxCd>"
            f"<NtryDtls><TxDtls><Refs><EndToEndId>{reference}</EndToEndId></Refs>"
            f"{details}<RtrInf><Rsn><Cd>{code}</Cd></Rsn></RtrInf></TxDtls></NtryDtls>"
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
        f"<{outer}><GrpHdr><MsgId>{message}</MsgId></GrpHdr><{inner}>"
        f"{''.join(told)}</{inner}></{outer}>",
    )


def _wrap(kind, body):
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{XSD}{kind}">{body}'
        "</Document>"
    ).encode()
