"""Running PostgreSQL as somebody else when we are root, because it refuses to run as root.

The account is a number that nobody has, so that no other program shares it. It may be unable to
reach the checkout (say, below /root, which only root may enter); it then gets, over execve(2), the
ambient capability to pass and read directories, or, where the machine withholds that one from
root, to override permissions; never more than is needed. See capabilities(7).
"""

import ctypes
import hashlib
import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from outreach.services.errors import ServiceError

CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
# Without it access(2), with which PostgreSQL looks for its parts, ignores capabilities.
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAPABILITY_VERSION_3 = 0x20080522

# systemd's range for accounts made on the fly, inside the 65,536 that containers map.
FIRST_UID, LAST_UID = 61184, 65519

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Identity:
    """Whom a program runs as; without a uid, as ourselves."""

    uid: int | None = None
    gid: int | None = None
    capabilities: tuple[int, ...] = ()

    def preexec(self, directory: Path | None = None) -> Callable[[], None]:
        """What a child does between fork and exec to become this identity, in `directory`."""

        def become() -> None:
            os.umask(0o077)
            if self.uid is not None and self.gid is not None:
                if self.capabilities:
                    _checked(_libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
                os.setgroups([])
                os.setresgid(self.gid, self.gid, self.gid)
                os.setresuid(self.uid, self.uid, self.uid)
                if self.capabilities:
                    _keep_only(self.capabilities)
            if directory is not None:
                os.chdir(directory)

        return become


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _keep_only(capabilities: Sequence[int]) -> None:
    mask = sum(1 << capability for capability in capabilities)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    _checked(_libc.capset(ctypes.byref(header), ctypes.byref(data)))
    for capability in capabilities:
        _checked(_libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0))


def free_uid(directory: Path) -> int:
    """A uid without an account for the services of `directory`: the same one every time."""
    digest = hashlib.sha256(os.fsencode(directory)).digest()
    size = LAST_UID - FIRST_UID + 1
    start = int.from_bytes(digest[:4], "big") % size
    for offset in range(size):
        uid = FIRST_UID + (start + offset) % size
        try:
            pwd.getpwuid(uid)
        except KeyError:
            return uid
    raise ServiceError("Every user id for services is taken; set DATABASE_URL.")


def named_identity() -> Identity:
    """Some account with a name that is not root, which initdb insists on."""
    try:
        account = pwd.getpwnam("nobody")
    except KeyError:
        account = next((one for one in pwd.getpwall() if one.pw_uid != 0), None)  # type: ignore[assignment]
    if account is None:
        raise ServiceError(
            "PostgreSQL refuses to run as root, and this machine has no other account. "
            "Add one, or set DATABASE_URL."
        )
    return Identity(account.pw_uid, account.pw_gid)


def least_capabilities(command: Sequence[str], directory: Path) -> tuple[int, ...]:
    """The fewest capabilities with which an ordinary account can run `command` in `directory`.

    Raises ServiceError when none suffice.
    """
    plain = named_identity()
    choices: list[tuple[int, ...]] = [()]
    if sys.platform == "linux":
        choices += [(CAP_DAC_READ_SEARCH,), (CAP_DAC_OVERRIDE,)]
    for capabilities in choices:
        identity = Identity(plain.uid, plain.gid, capabilities)
        try:
            result = subprocess.run(
                command,
                preexec_fn=identity.preexec(directory),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=60,
            )
        except (OSError, subprocess.SubprocessError):
            continue
        if result.returncode == 0:
            return capabilities
    raise ServiceError(
        f"PostgreSQL refuses to run as root, and no other account can reach {directory} or "
        f"{command[0]}. Move the checkout to a place that everybody may enter, run this as an "
        "ordinary user, or set DATABASE_URL."
    )
