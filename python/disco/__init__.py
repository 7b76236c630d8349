"""libdisco: virtual machines on a NUMA multiprocessor.

    import disco

    with disco.Machine(nodes=2) as machine:
        vm = machine.create_vm()
        vm.map_ram(0, 1 << 20)
        vm.write(0x1000, program)
        vcpu = vm.create_vcpu()
        vcpu.start(0xffffffff80001000)
        print(vcpu.run(max_insns=1000), vcpu.regs["v0"])

docs/python.md tells the rules; disco.raw is the C interface as it is.
"""
from . import guest, raw
from .machine import *  # noqa: F401,F403  first: the others need it
from .machine import HEADER_VERSION
from .backends import *  # noqa: F401,F403
from .board import *  # noqa: F401,F403
from .constants import *  # noqa: F401,F403
from .devices import *  # noqa: F401,F403
from .errors import *  # noqa: F401,F403
from .images import *  # noqa: F401,F403
from .memory import *  # noqa: F401,F403
from .model import *  # noqa: F401,F403
from .numa import *  # noqa: F401,F403
from .placement import *  # noqa: F401,F403
from .sched import *  # noqa: F401,F403
from .stats import *  # noqa: F401,F403
from .vcpu import *  # noqa: F401,F403
from .vm import *  # noqa: F401,F403
from ._callbacks import Access as MmioAccess

__version__ = "%d.%d.%d" % HEADER_VERSION
