from . import portal_packs
