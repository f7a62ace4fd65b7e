"""Memory a member: tensors that a pack holds and what the process grows by, against pack size.

A small pack fits into memory that the process has freed before and kept, so its growth tells nothing; what
a member adds between the two largest packs does.

`python -m tests.benchmarks.memory`
"""

import gc
import subprocess
import sys
from typing import Any

from tests.benchmarks.record import write

WIDTH, BATCH = 32, 128
DEPTHS = (3, 20)
SIZES = (1, 2, 4, 8, 16, 32, 64)


def grown(size: int, depth: int) -> tuple[int, int]:
    """Bytes of tensors and of resident memory that a pack adds to this process, after some steps."""
    import psutil
    import torch

    from tests.benchmarks.workers import DATASETS, Members, make_packs
    from trainables.data.tensors import to_device
    from trainables.data.vision import load, prepare
    from trainables.training.numerics import set_numerics

    DATASETS.mkdir(exist_ok=True)
    prepare("digits-5k", DATASETS)
    set_numerics("cpu", 1)
    data = to_device(load("digits-5k", DATASETS), "cpu")

    def make(num: int, deep: int) -> Any:
        settings = [{"depth": deep}] * num
        (pack,) = make_packs(Members(settings=settings, batch_size=BATCH, width=WIDTH, pack=num), data)
        pack.take_steps(2)
        return pack

    def tensors() -> int:
        storages = {}
        for found in gc.get_objects():
            if type(found) is torch.Tensor:
                storage = found.untyped_storage()
                storages[storage.data_ptr()] = storage.nbytes()
        return sum(storages.values())

    make(1, 1)  # libraries' own buffers
    gc.collect()
    before, resident = tensors(), psutil.Process().memory_info().rss
    pack = make(size, depth)
    gc.collect()
    result = tensors() - before, psutil.Process().memory_info().rss - resident
    assert pack.members
    return result


def main() -> None:
    """Each size in a fresh process, so that no pack lives in what another one left."""
    if len(sys.argv) == 3:
        print(*grown(int(sys.argv[1]), int(sys.argv[2])))
        return
    rows: list[dict[str, Any]] = []
    for depth in DEPTHS:
        for size in SIZES:
            command = [sys.executable, "-m", "tests.benchmarks.memory", str(size), str(depth)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            held, resident = map(int, done.stdout.split())
            row = {"depth": depth, "pack": size, "tensor_bytes": held, "resident_bytes": resident}
            row |= {"tensor_bytes_a_member": held / size, "resident_bytes_a_member": resident / size}
            if size == SIZES[-1]:
                more = resident - rows[-1]["resident_bytes"]
                row["resident_bytes_added_a_member"] = more / (size - rows[-1]["pack"])
            rows.append(row)
            print(row, flush=True)
    write("memory", f"digits-5k, width {WIDTH}, batch {BATCH}, Adam; beyond process and data", rows)


if __name__ == "__main__":
    main()
