from . import portal_packs, portal_wallet
