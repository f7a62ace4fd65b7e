"""What the kernel of this machine tells about itself."""

from pathlib import Path

KERNEL_COUNTS = Path("/proc/vmstat")


def memory_kills() -> int:
    """How many processes the kernel of this machine has killed for want of memory, as far as it tells."""
    try:
        lines = KERNEL_COUNTS.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
