"""The API's constants as enumerations, and what its macros compute."""
from __future__ import annotations

from enum import IntEnum, IntFlag

from ._raw import lib

__all__ = [
    "CodeKind", "Status", "Order", "Access", "LogLevel", "Capability", "Engine", "ExitReason",
    "Mode", "Switchable", "FloatingPoint", "MemoryOrder", "NetCopy", "RegClass",
    "TlbPart", "Trap", "PlaceAction", "Refusal",
    "RegionKind", "PageFlags", "PageKind", "BlockOp", "DiskMode",
    "reg", "reg_gpr",
    "reg_fpr", "reg_cp0", "reg_tlb", "REG_PC", "REG_HI", "REG_LO", "REG_DELAY",
    "REG_DELAY_TARGET", "REG_LLBIT", "REG_INSNS", "REG_FIR", "REG_FCSR",
    "hypcall_word", "PAGE_BYTES", "WATCHES", "IRQ_LINES", "NET_FRAME_MAX",
    "NEVER",
]


class Status(IntEnum):
    OK = lib.DISCO_OK
    INVAL = lib.DISCO_E_INVAL
    NOMEM = lib.DISCO_E_NOMEM
    BUSY = lib.DISCO_E_BUSY
    STATE = lib.DISCO_E_STATE
    RANGE = lib.DISCO_E_RANGE
    EXISTS = lib.DISCO_E_EXISTS
    NOENT = lib.DISCO_E_NOENT
    UNSUPPORTED = lib.DISCO_E_UNSUPPORTED
    REENTRANT = lib.DISCO_E_REENTRANT
    VERSION = lib.DISCO_E_VERSION
    CORRUPT = lib.DISCO_E_CORRUPT
    MISMATCH = lib.DISCO_E_MISMATCH
    CALLBACK = lib.DISCO_E_CALLBACK
    INTERNAL = lib.DISCO_E_INTERNAL
    IO = lib.DISCO_E_IO
    FAULT = lib.DISCO_E_FAULT
    PERM = lib.DISCO_E_PERM


class Order(IntEnum):
    """Byte order."""
    BIG = lib.DISCO_BIG
    LITTLE = lib.DISCO_LITTLE
    CPU = lib.DISCO_CPU_ORDER


class Access(IntFlag):
    READ = lib.DISCO_READ
    WRITE = lib.DISCO_WRITE
    EXEC = lib.DISCO_EXEC


class LogLevel(IntEnum):
    ERROR = lib.DISCO_LOG_ERROR
    WARN = lib.DISCO_LOG_WARN
    INFO = lib.DISCO_LOG_INFO
    DEBUG = lib.DISCO_LOG_DEBUG


class Capability(IntEnum):
    """For disco.capability()."""
    HOST_FUNCTIONS = lib.DISCO_CAP_HOST_FUNCTIONS
    DEVICE_TREE = lib.DISCO_CAP_DEVICE_TREE
    JIT = lib.DISCO_CAP_JIT
    THREADS = lib.DISCO_CAP_THREADS
    DETERMINISTIC = lib.DISCO_CAP_DETERMINISTIC
    L2TLB = lib.DISCO_CAP_L2TLB
    HWLOC = lib.DISCO_CAP_HWLOC


class CodeKind(IntEnum):
    """What a piece of translated code is."""
    ROUTINE = lib.DISCO_CODE_ROUTINE
    BLOCK = lib.DISCO_CODE_BLOCK
    REGION = lib.DISCO_CODE_REGION


class Engine(IntEnum):
    """What executes instructions."""
    BEST = lib.DISCO_ENGINE_BEST
    INTERP = lib.DISCO_ENGINE_INTERP
    JIT = lib.DISCO_ENGINE_JIT


class ExitReason(IntEnum):
    """Why a run ended."""
    BUDGET = lib.DISCO_EXIT_BUDGET
    KICK = lib.DISCO_EXIT_KICK
    IDLE = lib.DISCO_EXIT_IDLE
    MMIO = lib.DISCO_EXIT_MMIO
    HYPERCALL = lib.DISCO_EXIT_HYPERCALL
    BREAK = lib.DISCO_EXIT_BREAK
    WATCH = lib.DISCO_EXIT_WATCH
    SHUTDOWN = lib.DISCO_EXIT_SHUTDOWN
    RESET = lib.DISCO_EXIT_RESET
    PARKED = lib.DISCO_EXIT_PARKED
    NO_MEMORY = lib.DISCO_EXIT_NO_MEMORY
    CALLBACK = lib.DISCO_EXIT_CALLBACK
    YIELD = lib.DISCO_EXIT_YIELD


class Mode(IntEnum):
    EXACT = lib.DISCO_MODE_EXACT
    DISCO = lib.DISCO_MODE_DISCO


class Switchable(IntEnum):
    """A feature that has a default."""
    DEFAULT = lib.DISCO_DEFAULT
    ON = lib.DISCO_ON
    OFF = lib.DISCO_OFF


class FloatingPoint(IntEnum):
    IEEE = lib.DISCO_FP_IEEE
    R10000 = lib.DISCO_FP_R10000


class MemoryOrder(IntEnum):
    SC = lib.DISCO_ORDER_SC
    TSO = lib.DISCO_ORDER_TSO


class NetCopy(IntEnum):
    """Why received bytes were copied, not mapped."""
    HOST = lib.DISCO_NET_COPY_HOST
    PARTIAL = lib.DISCO_NET_COPY_PARTIAL
    SMALL = lib.DISCO_NET_COPY_SMALL
    BUFFER = lib.DISCO_NET_COPY_BUFFER
    OFFLOAD = lib.DISCO_NET_COPY_OFFLOAD
    UNTOUCHED = lib.DISCO_NET_COPY_UNTOUCHED
    REFUSED = lib.DISCO_NET_COPY_REFUSED


class RegClass(IntEnum):
    GPR = lib.DISCO_REG_CLASS_GPR
    SPEC = lib.DISCO_REG_CLASS_SPEC
    FPR = lib.DISCO_REG_CLASS_FPR
    FCR = lib.DISCO_REG_CLASS_FCR
    CP0 = lib.DISCO_REG_CLASS_CP0
    PERF = lib.DISCO_REG_CLASS_PERF
    TLB = lib.DISCO_REG_CLASS_TLB


class TlbPart(IntEnum):
    ENTRYHI = lib.DISCO_TLB_ENTRYHI
    ENTRYLO0 = lib.DISCO_TLB_ENTRYLO0
    ENTRYLO1 = lib.DISCO_TLB_ENTRYLO1
    PAGEMASK = lib.DISCO_TLB_PAGEMASK


class Trap(IntEnum):
    """What would have trapped into a monitor (disco mode)."""
    PRIVILEGED = lib.DISCO_TRAP_PRIVILEGED
    TLB_WRITE = lib.DISCO_TRAP_TLB_WRITE
    TLB_MISS = lib.DISCO_TRAP_TLB_MISS
    L2TLB_HIT = lib.DISCO_TRAP_L2TLB_HIT
    KERNEL_TLB = lib.DISCO_TRAP_KERNEL_TLB
    EXCEPTION = lib.DISCO_TRAP_EXCEPTION
    INTERRUPT = lib.DISCO_TRAP_INTERRUPT
    ERET = lib.DISCO_TRAP_ERET
    MMIO = lib.DISCO_TRAP_MMIO
    MONITOR_CALL = lib.DISCO_TRAP_MONITOR_CALL
    CP0_PAGE = lib.DISCO_TRAP_CP0_PAGE
    IDLE = lib.DISCO_TRAP_IDLE


class RegionKind(IntEnum):
    RAM = lib.DISCO_REGION_RAM
    ROM = lib.DISCO_REGION_ROM
    HOST = lib.DISCO_REGION_HOST
    MMIO = lib.DISCO_REGION_MMIO


class PageFlags(IntFlag):
    PRESENT = lib.DISCO_PAGE_PRESENT
    WRITABLE = lib.DISCO_PAGE_WRITABLE
    PINNED = lib.DISCO_PAGE_PINNED
    CODE = lib.DISCO_PAGE_CODE
    SHARED = lib.DISCO_PAGE_SHARED
    REPLICATED = lib.DISCO_PAGE_REPLICATED


class PageKind(IntEnum):
    """What a VM uses a page for, as far as the monitor can tell."""
    NONE = lib.DISCO_KIND_NONE
    DATA = lib.DISCO_KIND_DATA
    KERNEL_TEXT = lib.DISCO_KIND_KERNEL_TEXT
    USER_TEXT = lib.DISCO_KIND_USER_TEXT
    BUFFER = lib.DISCO_KIND_BUFFER
    MONITOR = lib.DISCO_KIND_MONITOR


class PlaceAction(IntEnum):
    """What a placement policy can do with a page."""
    NONE = lib.DISCO_PLACE_NONE
    MIGRATE = lib.DISCO_PLACE_MIGRATE
    REPLICATE = lib.DISCO_PLACE_REPLICATE
    COLLAPSE = lib.DISCO_PLACE_COLLAPSE
    FREEZE = lib.DISCO_PLACE_FREEZE


class Refusal(IntEnum):
    """Why an action of a policy was not done; 0: it was."""
    DONE = 0
    NODE = lib.DISCO_REFUSED_NODE
    SAME = lib.DISCO_REFUSED_SAME
    FROZEN = lib.DISCO_REFUSED_FROZEN
    GONE = lib.DISCO_REFUSED_GONE
    IMMOVABLE = lib.DISCO_REFUSED_IMMOVABLE
    PINNED = lib.DISCO_REFUSED_PINNED
    FULL = lib.DISCO_REFUSED_FULL
    RATE = lib.DISCO_REFUSED_RATE
    UNKNOWN = lib.DISCO_REFUSED_UNKNOWN
    UNSUPPORTED = lib.DISCO_REFUSED_UNSUPPORTED


class BlockOp(IntEnum):
    READ = lib.DISCO_BLOCK_READ
    WRITE = lib.DISCO_BLOCK_WRITE
    FLUSH = lib.DISCO_BLOCK_FLUSH


class DiskMode(IntEnum):
    """How a disk shows its image."""
    READONLY = lib.DISCO_DISK_READONLY
    COW = lib.DISCO_DISK_COW
    EXCLUSIVE = lib.DISCO_DISK_EXCLUSIVE


PAGE_BYTES: int = lib.DISCO_PAGE_BYTES
#: Host watchpoints of a vCPU.
WATCHES: int = lib.DISCO_WATCHES
IRQ_LINES: int = lib.DISCO_VM_IRQ_LINES
NET_FRAME_MAX: int = lib.DISCO_NET_FRAME_MAX
#: "No such time" where the C interface has all ones; Python gets None.
NEVER: int = 2 ** 64 - 1

REG_PC: int = lib.DISCO_REG_PC
REG_HI: int = lib.DISCO_REG_HI
REG_LO: int = lib.DISCO_REG_LO
REG_DELAY: int = lib.DISCO_REG_DELAY
REG_DELAY_TARGET: int = lib.DISCO_REG_DELAY_TARGET
REG_LLBIT: int = lib.DISCO_REG_LLBIT
REG_INSNS: int = lib.DISCO_REG_INSNS
REG_FIR: int = lib.DISCO_REG_FIR
REG_FCSR: int = lib.DISCO_REG_FCSR


def reg(cls: int, index: int) -> int:
    """Register id (DISCO_REG)."""
    return int(cls) << 16 | index


def reg_gpr(n: int) -> int:
    return reg(RegClass.GPR, n)


def reg_fpr(n: int) -> int:
    return reg(RegClass.FPR, n)


def reg_cp0(n: int) -> int:
    return reg(RegClass.CP0, n)


def reg_tlb(entry: int, part: int) -> int:
    return reg(RegClass.TLB, entry * 4 + part)


def hypcall_word(code: int) -> int:
    """Instruction word of a monitor call (DISCO_HYPCALL_WORD)."""
    return 0x42000028 | code << 11
