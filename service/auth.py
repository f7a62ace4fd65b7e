"""Who may call: API keys, hashed and scoped to a project, and tokens of attempts."""

import base64
import hashlib
import hmac
import ipaddress
from collections.abc import Mapping

from service.errors import BadSettings, Unauthorized, UnsafeBinding
from service.settings import DEFAULT_PROJECT, LEAST_SECRET, Settings


def check_binding(settings: Settings) -> None:
    """Refuse to serve beyond loopback without API keys.

    Raises: UnsafeBinding.
    """
    if not settings.api_keys and not is_loopback(settings.host):
        raise UnsafeBinding(
            f"refusing to listen on {settings.host} without keys: set ABLATE_API_KEYS to a comma-separated"
            " list of [project=]sha256 of each key, or listen on 127.0.0.1"
        )


def check_secret(settings: Settings) -> None:
    """Refuse to serve without a secret: what drivers show would be made of nothing.

    Raises: BadSettings.
    """
    if not settings.secret:
        raise BadSettings(
            f"ABLATE_SECRET has to be set, to {LEAST_SECRET} characters or more: API and worker make drivers'"
            " tickets and tokens of it, and with PostgreSQL each would otherwise have one of its own"
        )


def project_of(settings: Settings, authorization: str | None, server: str | None) -> str:
    """The project that a caller's key opens; `server` is the address the request came in on.

    Raises: Unauthorized.
    """
    if not settings.api_keys:
        # A server started by other means than `ablate serve` may listen anywhere.
        if server is not None and _is_address(server) and not is_loopback(server):
            raise Unauthorized("this server has no API keys, so it answers on loopback only")
        return DEFAULT_PROJECT
    key = _key(authorization)
    if key is None:
        raise Unauthorized("send an API key: `Authorization: Bearer KEY`")
    project = _lookup(settings.api_keys, hashlib.sha256(key.encode()).hexdigest())
    if project is None:
        raise Unauthorized("this API key is not known")
    return project


def attempt_token(secret: str, study_id: str, number: int) -> str:
    """The token with which the driver of one attempt speaks to /internal."""
    return hmac.new(secret.encode(), f"{study_id}:{number}".encode(), hashlib.sha256).hexdigest()


def ticket(secret: str, job_id: str) -> str:
    """What a job has in its environment, to ask /internal for its attempt and that attempt's token.

    Ray writes environments down where many can read them, so it serves whoever comes first and nobody else.
    """
    return hmac.new(secret.encode(), f"job {job_id}".encode(), hashlib.sha256).hexdigest()


def check_ticket(settings: Settings, authorization: str | None, job_id: str) -> None:
    """Raises: Unauthorized when it is not this job's."""
    _check_token(authorization, ticket(settings.secret, job_id))


def holder_of(word: str) -> str:
    """How the ledger knows who used a ticket, by the word that only this process knows."""
    return hashlib.sha256(word.encode()).hexdigest()


def check_attempt_token(settings: Settings, authorization: str | None, study_id: str, number: int) -> None:
    """Raises: Unauthorized when the token is not this attempt's."""
    _check_token(authorization, attempt_token(settings.secret, study_id, number))


def _check_token(authorization: str | None, expected: str) -> None:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), expected.encode()):
        raise Unauthorized("the token of this driver is needed")


def _key(authorization: str | None) -> str | None:
    """The key of a Bearer header, or the password of a Basic one, which browsers send."""
    scheme, _, value = (authorization or "").partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer" and value:
        return value
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2] or None
        except ValueError:  # no base64, no UTF-8, or no ASCII to begin with
            return None
    return None


def _lookup(keys: Mapping[str, str], digest: str) -> str | None:
    found = None
    # Every key is compared, each in constant time.
    for known, project in keys.items():
        if hmac.compare_digest(known, digest):
            found = project
    return found


def is_loopback(host: str) -> bool:
    """Whether a host is this machine's own loopback, by address or as localhost."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host.strip("[]")).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
