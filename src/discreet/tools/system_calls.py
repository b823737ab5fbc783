"""The seccomp filter of the sandbox: which system calls a server may make, and with what arguments.

Landlock guards files, TCP connections and signals. This refuses what Landlock doesn't look at:
other kinds of sockets, other ways to connect, memory shared between processes, limits and
priorities of other processes, and what no server needs.
"""

from __future__ import annotations

Instruction = tuple[int, int, int, int | None]
"""Code, jumps and a constant; None: the id of the process that is confined."""

X86_64, ARM64 = "x86_64", "aarch64"
_ARCHITECTURES = {X86_64: 0xC000003E, ARM64: 0xC00000B7}

# Numbers on x86-64 and on ARM64; None: it isn't there.
_REFUSED: dict[str, tuple[int, int | None]] = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280),
    "perf_event_open": (298, 241), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "userfaultfd": (323, 282), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224),
    "swapoff": (168, 225), "acct": (163, 89), "syslog": (103, 116),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "quotactl": (179, 60),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "sethostname": (170, 161),
    "setdomainname": (171, 162), "iopl": (172, None), "ioperm": (173, None),
    # Shared by all processes of a user, and left behind when they end.
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "shmdt": (67, 197),
    "semget": (64, 190), "semop": (65, 193), "semctl": (66, 191), "semtimedop": (220, 192),
    "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187),
    "mq_open": (240, 180), "mq_unlink": (241, 181),
    # They work on files that can't be opened, and tell of what others do.
    "inotify_add_watch": (254, 27), "fanotify_init": (300, 262),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "ioprio_set": (251, 30),
    # Without an address, it takes any port, which Landlock doesn't see.
    "listen": (50, 201),
}  # fmt: skip
# io_uring, mounts, pidfd_getfd, mount_setattr, statmount, listmount, setxattrat, removexattrat,
# open_tree_attr.
_REFUSED_EVERYWHERE = (
    425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 442, 457, 458, 463, 466, 467,
)  # fmt: skip
# Modes, owners and times of files, also of those that can't be opened. They do nothing, because
# programs that copy files give up where they fail.
_IGNORED: dict[str, tuple[int | None, int | None]] = {
    "chmod": (90, None), "chown": (92, None), "lchown": (94, None), "fchmodat": (268, 53),
    "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "fchmodat2": (452, 452),
}  # fmt: skip
_BY_ARGUMENTS: dict[str, tuple[int, int]] = {
    "socket": (41, 198), "socketpair": (53, 199), "clone": (56, 220), "kill": (62, 129),
    "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "sendto": (44, 206), "sendmsg": (46, 211),
    "sendmmsg": (307, 269), "prlimit64": (302, 261), "setpriority": (141, 140),
    "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122), "sched_setattr": (314, 274),
}  # fmt: skip
_SIGNAL_BY_FD, _CLONE3 = 424, 435
_SIGNALLING = ("kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
_OF_A_PROCESS = (
    "prlimit64", "sched_setparam", "sched_setscheduler", "sched_setaffinity", "sched_setattr",
)  # fmt: skip
SIGNAL_ABI = 6
"""The version of Landlock that guards signals."""
_NAMESPACES = 0x7E020000  # the CLONE_NEW… flags
_FAST_OPEN = 0x20000000  # it connects without a call of connect
AF_INET, AF_INET6, AF_NETLINK = 2, 10, 16
SOCK_STREAM, SOCK_DGRAM = 1, 2
TCP, UDP, ROUTES = 6, 17, 0
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS, _SUCCESS = 1, 38, 0
_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_ARGUMENT = (16, 24, 32, 40)  # offsets of the lower halves of the arguments


def covers_machine(machine: str) -> bool:
    """Return whether the numbers of its system calls are known."""
    return machine in _ARCHITECTURES


def filter_of(machine: str, abi: int, *, network: bool) -> list[Instruction]:
    """Return the filter for a machine, beside a version of Landlock.

    ``network``: the server may use TCP ports, and so look up names.
    """
    place = (X86_64, ARM64).index(machine)
    by_arguments = {name: numbers[place] for name, numbers in _BY_ARGUMENTS.items()}
    refused = [numbers[place] for numbers in _REFUSED.values()]
    refused += _REFUSED_EVERYWHERE
    if abi < SIGNAL_ABI:
        refused += [_SIGNAL_BY_FD, *(by_arguments[name] for name in _SIGNALLING)]
    # Each block ends with the number of the call loaded again.
    code: list[Instruction] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
    ]
    if machine == X86_64:  # its calls of 32 bits
        code += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _REFUSE | _ENOSYS)]
    for number in refused:
        code += _when(number, [_answer(_EPERM)])
    for numbers in _IGNORED.values():
        code += _when(numbers[place], [_answer(_SUCCESS)])
    code += _when(_CLONE3, [_answer(_ENOSYS)])  # its flags can't be read here
    code += _when(by_arguments["clone"], _unless_none(0, _NAMESPACES))
    code += _when(by_arguments["socket"], _only_sockets(network=network))
    # A datagram socket of a pair could still send to a path.
    kind: list[Instruction] = [(_LOAD, 0, 0, _ARGUMENT[1]), (_AND, 0, 0, 0xF)]
    kind += [(_EQUAL, 0, 1, SOCK_DGRAM), _answer(_EPERM)]
    code += _when(by_arguments["socketpair"], kind)
    for name, flags in (("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)):
        code += _when(by_arguments[name], _unless_none(flags, _FAST_OPEN))
    # 0 is the process that calls.
    for name in _OF_A_PROCESS:
        code += _when(by_arguments[name], _unless_none(0))
    code += _when(by_arguments["setpriority"], [*_unless_none(0), *_unless_none(1)])
    if abi < SIGNAL_ABI:
        own: list[Instruction] = [(_LOAD, 0, 0, _ARGUMENT[0]), (_EQUAL, 1, 0, None)]
        code += _when(by_arguments["tgkill"], [*own, _answer(_EPERM)])
    return [*code, (_RETURN, 0, 0, _ALLOW)]


def _answer(error: int) -> Instruction:
    return (_RETURN, 0, 0, _REFUSE | error)


def _unless_none(argument: int, bits: int = 0xFFFFFFFF) -> list[Instruction]:
    """Refuse a call unless none of these bits of an argument is set."""
    return [
        (_LOAD, 0, 0, _ARGUMENT[argument]),
        (_AND, 0, 0, bits),
        (_EQUAL, 1, 0, 0),
        _answer(_EPERM),
    ]


def _only_sockets(*, network: bool) -> list[Instruction]:
    """Refuse every socket but those of TCP, UDP and the table of addresses, if there is a network.

    Others connect past Landlock, such as those of MPTCP, or tell whom this machine talks to.
    """
    code: list[Instruction] = []
    if network:
        for family, kind, protocols in (
            (AF_INET, SOCK_STREAM, (0, TCP)),
            (AF_INET6, SOCK_STREAM, (0, TCP)),
            (AF_INET, SOCK_DGRAM, (0, UDP)),
            (AF_INET6, SOCK_DGRAM, (0, UDP)),
            (AF_NETLINK, None, (ROUTES,)),
        ):
            code += _when_socket(family, kind, protocols)
    return [*code, _answer(_EPERM)]


def _when_socket(family: int, kind: int | None, protocols: tuple[int, ...]) -> list[Instruction]:
    """Allow one kind of socket."""
    last: list[Instruction] = [(_LOAD, 0, 0, _ARGUMENT[2])]
    for place, protocol in enumerate(protocols):
        last.append(
            (_EQUAL, len(protocols) - 1 - place, int(place == len(protocols) - 1), protocol)
        )
    last.append((_RETURN, 0, 0, _ALLOW))
    if kind is not None:
        tested: list[Instruction] = [(_LOAD, 0, 0, _ARGUMENT[1]), (_AND, 0, 0, 0xF)]
        last = [*tested, (_EQUAL, 0, len(last), kind), *last]
    return [(_LOAD, 0, 0, _ARGUMENT[0]), (_EQUAL, 0, len(last), family), *last]


def _when(number: int | None, then: list[Instruction]) -> list[Instruction]:
    if number is None:
        return []
    return [(_EQUAL, 0, len(then) + 1, number), *then, (_LOAD, 0, 0, 0)]
