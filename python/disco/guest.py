"""What guests rely on: the numbers of <disco/guest.h> without their "DISCO_".

    >>> from disco import guest
    >>> hex(guest.BOARD_UART)
    '0x1c020000'
"""
from ._raw import lib

_PREFIXES = ("BOARD_", "INTC_", "MAILBOX_", "POWER_", "HC_", "CP0_PAGE_")


def __getattr__(name: str) -> int:
    if name.startswith(_PREFIXES):
        value = getattr(lib, "DISCO_" + name, None)
        if value is not None:
            return value
    raise AttributeError(f"guest.h has no DISCO_{name}")


def __dir__():
    return [name[6:] for name in dir(lib)
            if name.startswith("DISCO_") and name[6:].startswith(_PREFIXES)]
