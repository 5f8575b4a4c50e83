from . import controllers, models, wizards
from .hooks import _uninstall_hook
