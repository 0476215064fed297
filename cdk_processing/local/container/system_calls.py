"""The system calls that a sandbox refuses: a seccomp filter, made by libseccomp.

The calls are those of which Docker documents that its default profile refuses them, and their newer siblings. A refused
call fails with ``EPERM``, as in Docker: https://docs.docker.com/engine/security/seccomp/
"""

from __future__ import annotations

import ctypes
import errno
import functools
import logging
import os
from typing import Any

__all__ = ["system_call_filter"]

logger = logging.getLogger(__name__)

# The second table of Docker's page. Not ptrace and process_vm_readv: since Linux 4.8 Docker allows them, as they reach
# only the container's own processes. The last five lines are newer than the table.
_REFUSED = """
    acct add_key bpf clock_adjtime clock_adjtime64 clock_settime clock_settime64 create_module delete_module
    finit_module get_kernel_syms get_mempolicy init_module ioperm iopl kcmp kexec_file_load kexec_load keyctl
    lookup_dcookie mbind mount move_pages nfsservctl open_by_handle_at perf_event_open pivot_root query_module quotactl
    reboot request_key set_mempolicy setns settimeofday stime swapon swapoff sysfs _sysctl umount umount2 unshare uselib
    userfaultfd ustat vm86 vm86old

    fanotify_init fsconfig fsmount fsopen fspick mount_setattr move_mount open_tree
    io_uring_enter io_uring_register io_uring_setup
    pidfd_getfd process_madvise
    quotactl_fd set_mempolicy_home_node
    setdomainname sethostname syslog vhangup
"""
_CHANGE_OWNER = ("chown", "chown32", "lchown", "lchown32", "fchown", "fchown32", "fchownat")
# Flags of clone that create namespaces: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
_NEW_NAMESPACES = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_MASKED_EQUAL = 7
# The 32-bit calls of a 64-bit machine.
_X86_64, _X86, _X32, _AARCH64, _ARM = 0xC000003E, 0x40000003, 0x4000003E, 0xC00000B7, 0x40000028
_ALSO = {_X86_64: (_X86, _X32), _AARCH64: (_ARM,)}


class _Condition(ctypes.Structure):
    """``struct scmp_arg_cmp``: a condition on an argument of a call."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("mask", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
    )


@functools.cache
def system_call_filter(pretend_chown: bool = False) -> bytes:
    """Make the filter.

    Args:
        pretend_chown: Whether calls that change a file's owner do nothing and report success.

    Returns:
        Instructions for the kernel (BPF). Empty, with a warning in the log, if libseccomp is not installed: the sandbox
        then has no filter.
    """
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        logger.warning("jobs run without a filter of system calls: libseccomp is not installed (Debian: libseccomp2)")
        return b""
    library.seccomp_init.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_ALLOW)))
    try:
        for architecture in _ALSO.get(ctypes.c_uint32(library.seccomp_arch_native()).value, ()):
            library.seccomp_arch_add(handle, ctypes.c_uint32(architecture))
        for name in _REFUSED.split():
            _answer(library, handle, name, errno.EPERM)
        for flag in _NEW_NAMESPACES:
            _answer(library, handle, "clone", errno.EPERM, _Condition(0, _MASKED_EQUAL, flag, flag))
        # A filter cannot read its flags, which lie in memory. Callers then use clone.
        _answer(library, handle, "clone3", errno.ENOSYS)
        for name in _CHANGE_OWNER if pretend_chown else ():
            _answer(library, handle, name, 0)
        return _exported(library, handle)
    finally:
        library.seccomp_release(handle)


def _answer(library: Any, handle: ctypes.c_void_p, name: str, number: int, *conditions: _Condition) -> None:
    """Let a call fail with an error number; 0 means success. A call that the architecture lacks needs no rule."""
    call = library.seccomp_syscall_resolve_name(name.encode())
    given = (_Condition * len(conditions))(*conditions)
    failed = library.seccomp_rule_add_array(handle, ctypes.c_uint32(_ERRNO | number), call, len(conditions), given)
    if failed and call >= 0:
        raise OSError(-failed, f"libseccomp refuses the rule for {name}: {os.strerror(-failed)}")


def _exported(library: Any, handle: ctypes.c_void_p) -> bytes:
    descriptor = os.memfd_create("seccomp")
    try:
        failed = library.seccomp_export_bpf(handle, descriptor)
        if failed:
            raise OSError(-failed, f"libseccomp cannot export the filter: {os.strerror(-failed)}")
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    finally:
        os.close(descriptor)
