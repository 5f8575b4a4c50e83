from . import portal_usage
