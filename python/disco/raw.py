"""The raw layer: every function, struct, constant and callback of the headers.

`lib.disco_vm_create(...)`, `lib.DISCO_E_BUSY`, `ffi.new("disco_exit *")` are
the C interface as it stands in <disco/disco.h>, board.h and guest.h.
Each function pointer that a host implements has a static trampoline
`disco_py_STRUCT_MEMBER`, to be defined with `@ffi.def_extern()`; the package
has taken those it needs.  `ptr` of the package's objects gives their C handle.

Nothing is checked here: a wrong pointer crashes the interpreter.
"""
from ._raw import ffi, lib

__all__ = ["ffi", "lib", "RAW_ONLY"]

#: What the rest of the package does not wrap, and why.  A test fails for a
#: public name that is neither wrapped nor in here.
RAW_ONLY = {
    "disco_machine_add_backend":
        "a CPU in Python would be too slow to be of use; the trampolines "
        "disco_py_backend_ops_* are there",
    "disco_backend_ops": "see disco_machine_add_backend",
    "disco_backend_host": "see disco_machine_add_backend",
    "disco_backend_page": "see disco_machine_add_backend",
    "disco_backend_machine": "see disco_machine_add_backend",
    "disco_py_backend_machine_*": "see disco_machine_add_backend",
    "disco_backend_run": "see disco_machine_add_backend",
    "disco_backend_line": "see disco_machine_add_backend",
    "DISCO_BEHIND_*": "see disco_machine_add_backend",
    "DISCO_LINE_*": "see disco_machine_add_backend",
    "DISCO_BACKEND_LINES": "see disco_machine_add_backend",
    "DISCO_REQ_*": "see disco_machine_add_backend",
    "DISCO_DROP_*": "see disco_machine_add_backend",
    "disco_py_backend_ops_*": "see disco_machine_add_backend",
    "disco_py_allocator_*":
        "pages cannot come from Python objects; Machine(allocator=) takes a "
        "disco_allocator whose functions are C",
    "disco_block_account": "see disco_py_block_backend_account",
    "disco_py_block_backend_account":
        "a BlockBackend gets and gives bytes, not pages",
    "DISCO_BLOCK_PAGE_*": "see disco_py_block_backend_account",
    "DISCO_BLOCK_REQUEST_PAGES": "see disco_py_block_backend_account",
    "DISCO_BLOCK_BYTES": "PAGE_BYTES",
    "DISCO_CACHE_NONE": "Machine(cache_bytes=1)",
    "disco_net_packet": "a packet in Python is bytes, one contiguous frame",
    "disco_net_fragment": "see disco_net_packet",
    "disco_nic_deliver_packet": "see disco_net_packet",
    "disco_py_net_backend_send_packet": "see disco_net_packet",
    "DISCO_FRAGMENT_*": "see disco_net_packet",
    "DISCO_NET_CSUM_PARTIAL": "see disco_net_packet",
    "DISCO_NET_TCP4": "see disco_net_packet",
    "DISCO_NET_TCP6": "see disco_net_packet",
    "DISCO_NET_ECN": "see disco_net_packet",
    "DISCO_NET_FRAGMENTS_MAX": "see disco_net_packet",
    "DISCO_NET_COPY_REASONS": "len(NetCopy)",
    "DISCO_EXCLUSIVE": "see disco_machine_add_backend",
    "DISCO_USER": "see disco_machine_add_backend",
    "DISCO_KINDS": "len(PageKind)",
    "disco_vcpu_vm": "VCPU.vm is known without",
    "disco_vm_machine": "VM.machine is known without",
    "DISCO_HOST_FN_OPAQUE": "a Python callable has its own state",
    "DISCO_EXIT_COUNT": "len(ExitReason) + 1",
    "DISCO_TRAP_COUNT": "len(Trap)",
    "DISCO_REFUSED_COUNT": "len(Refusal)",
}
