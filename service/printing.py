"""Reports as PDF: the page printed by Chromium, where the machine of the service has it."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from service.errors import NoPrinter, PrintingFailed

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
WITHIN_S = 90.0
INSTALL = (
    "a PDF is printed by Chromium, which is not on the service's machine: `apt-get install chromium` there,"
    " or take format=html and print it in a browser"
)
FLAGS = (
    "--headless",
    "--no-first-run",
    "--no-pdf-header-footer",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
# A report loads nothing and runs nothing; whatever a name in it says, it stays so.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
_printer = Lock()


def find_printer() -> str | None:
    """The program that prints, if it is there."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


def print_pdf(page: str, *, within_s: float = WITHIN_S) -> bytes:
    """A report's page as PDF, everything folded in it opened; one is printed at a time.

    Raises: NoPrinter, PrintingFailed.
    """
    program = find_printer()
    if program is None:
        raise NoPrinter(INSTALL)
    if not _printer.acquire(timeout=within_s):
        raise PrintingFailed("other reports are being printed; ask again")
    try:
        with TemporaryDirectory(prefix="ablate-print-") as folder:
            return _printed(program, page, Path(folder), within_s)
    finally:
        _printer.release()


def _printed(program: str, page: str, folder: Path, within_s: float) -> bytes:
    source, target = folder / "report.html", folder / "report.pdf"
    source.write_text(_for_paper(page), encoding="utf-8")
    # Chromium's sandbox does not work for root, as whom containers run.
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    profile = f"--user-data-dir={folder / 'profile'}"
    arguments = [program, *FLAGS, *root, profile, f"--print-to-pdf={target}", source.as_uri()]
    ended = _run(arguments, folder, within_s)
    if ended is None:
        raise PrintingFailed(f"Chromium did not print the report within {within_s:g} s; take format=html")
    if ended != 0 or not target.exists():
        raise PrintingFailed(f"Chromium ended with {ended} and printed nothing; take format=html")
    return target.read_bytes()


def _for_paper(page: str) -> str:
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    return page.replace("<head>", f"<head>{policy}", 1).replace("<details>", "<details open>")


def _run(arguments: Sequence[str], home: Path, within_s: float) -> int | None:
    """The exit code of a program that knows nothing of this process; None if it did not end in time."""
    known = {name: os.environ[name] for name in ("PATH", "LANG", "FONTCONFIG_PATH") if name in os.environ}
    process = subprocess.Popen(
        arguments,
        env={**known, "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(within_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None
