from . import portal_usage
from . import portal_usage_caps
