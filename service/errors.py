"""The service's errors, and how every error is told to a caller.

ServiceError
  BadRequest, Unauthorized, Forbidden, NotFound, NotAcceptable, TooLarge, WrongMediaType
  StudyNotFound
    StudyDeleted                                                     -> 410
  InvalidRequest, KeyReused, TooMuchWork                             -> 422
  StudyFinished, StudyNotOver, StudyChanged, NothingToRetry, StaleAttempt, AttemptLive, KeyInFlight,
  StudyAmbiguous                                                     -> 409
  ClusterUnavailable, TrackerUnavailable, LedgerUnavailable, WrongSchema, PrintingFailed,
  ReportFollows                                                      -> 503
  NoPrinter                                                          -> 501
  UnsafeBinding, BadSettings                                         the process does not start
"""

from collections.abc import Sequence

from ablations.errors import AblationError, InvalidStudy, NotSupported, Problem, Unparsable


class ServiceError(Exception):
    """An error with an HTTP status and a stable name."""

    status = 500
    kind = "internal-error"
    title = "Something went wrong on our side"

    def __init__(self, detail: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = tuple(problems)


class StudyNotFound(ServiceError):
    """No such study in the caller's project."""

    status = 404
    kind = "study-not-found"
    title = "No such study"


class StudyDeleted(StudyNotFound):
    """The study was deleted."""

    status = 410
    kind = "study-deleted"
    title = "The study was deleted"


class StudyAmbiguous(ServiceError):
    """Several studies may be meant."""

    status = 409
    kind = "study-ambiguous"
    title = "Several studies may be meant"


class StudyNotOver(ServiceError):
    """The study has not ended, so it cannot be deleted."""

    status = 409
    kind = "study-not-over"
    title = "The study has not ended yet"


class ReportFollows(ServiceError):
    """The verdict stands, its report is being written."""

    status = 503
    kind = "report-follows"
    title = "The report is being written"


class NotFound(ServiceError):
    """No such thing, other than a study."""

    status = 404
    kind = "not-found"
    title = "Not found"


class StudyFinished(ServiceError):
    """The study has ended, so its state cannot change any more."""

    status = 409
    kind = "study-finished"
    title = "The study has already ended"


class StudyChanged(ServiceError):
    """What is to run is not what the study's results were measured with."""

    status = 409
    kind = "study-changed"
    title = "Code, data or libraries have changed since this study's results were measured"


class NothingToRetry(ServiceError):
    """The study has no failed trial that could be run again now."""

    status = 409
    kind = "nothing-to-retry"
    title = "There is nothing to retry"


class AttemptLive(ServiceError):
    """A study has one attempt at a time, or none when it is not to run."""

    status = 409
    kind = "attempt-refused"
    title = "The study cannot start another attempt now"


class StaleAttempt(ServiceError):
    """A write of an attempt that is no longer the study's live one."""

    status = 409
    kind = "stale-attempt"
    title = "This attempt is over"


class KeyReused(ServiceError):
    """An Idempotency-Key came back with another body."""

    status = 422
    kind = "idempotency-key-reused"
    title = "This Idempotency-Key was used for another body"


class KeyInFlight(ServiceError):
    """A request with the same Idempotency-Key is being answered."""

    status = 409
    kind = "idempotency-key-in-flight"
    title = "A request with this Idempotency-Key is still being answered"


class BadRequest(ServiceError):
    """The request cannot be read."""

    status = 400
    kind = "bad-request"
    title = "The request cannot be read"


class InvalidRequest(ServiceError):
    """The request can be read, but a value in it is wrong."""

    status = 422
    kind = "invalid-request"
    title = "The request has a wrong value"


class TooLarge(ServiceError):
    """The body is larger than this endpoint takes."""

    status = 413
    kind = "too-large"
    title = "The body is too large"


class TooMuchWork(ServiceError):
    """What is asked for at once takes too long, or more memory than there is for it."""

    status = 422
    kind = "too-much-work"
    title = "This is too much to ask for at once"


class WrongMediaType(ServiceError):
    """The body is not application/json."""

    status = 415
    kind = "wrong-media-type"
    title = "The body must be application/json"


class NotAcceptable(ServiceError):
    """None of the media types asked for can be given."""

    status = 406
    kind = "not-acceptable"
    title = "Not available in this format"


class ProjectFull(ServiceError):
    """A project's unfinished studies would have more trials than is allowed."""

    status = 409
    kind = "project-full"
    title = "Too many trials are unfinished already"


class TooSlow(ServiceError):
    """The request did not arrive in time."""

    status = 408
    kind = "too-slow"
    title = "The request took too long to arrive"


class Unauthorized(ServiceError):
    """No key, or a wrong one."""

    status = 401
    kind = "unauthorized"
    title = "A valid API key is needed"


class Forbidden(ServiceError):
    """The caller may not do this."""

    status = 403
    kind = "forbidden"
    title = "Not allowed"


class ClusterUnavailable(ServiceError):
    """Ray does not answer."""

    status = 503
    kind = "cluster-unavailable"
    title = "The cluster does not answer"


class TrackerUnavailable(ServiceError):
    """MLflow does not answer."""

    status = 503
    kind = "tracker-unavailable"
    title = "The tracking server does not answer"


class LedgerUnavailable(ServiceError):
    """The database does not answer, or is locked or full."""

    status = 503
    kind = "ledger-unavailable"
    title = "The database does not answer"


class WrongSchema(ServiceError):
    """The database has an older or newer schema than this program."""

    status = 503
    kind = "wrong-schema"
    title = "The database schema does not fit this version"


class NoPrinter(ServiceError):
    """The machine of the service has no program that prints."""

    status = 501
    kind = "no-printer"
    title = "Reports cannot be printed here"


class PrintingFailed(ServiceError):
    """The program that prints did not."""

    status = 503
    kind = "printing-failed"
    title = "The report could not be printed"


class UnsafeBinding(ServiceError):
    """The API would be reachable by others without keys."""

    kind = "unsafe-binding"
    title = "Refusing to listen beyond loopback without API keys"


class BadSettings(ServiceError):
    """An ABLATE_* variable cannot be used."""

    kind = "bad-settings"
    title = "A setting cannot be used"


class InvalidQuestion(ServiceError):
    """A study that cannot be asked."""

    status = 422
    kind = "invalid-study"
    title = "The study cannot be asked"


class UnsupportedQuestion(InvalidQuestion):
    """A study that asks for something not built yet."""

    kind = "not-supported"
    title = "The study asks for something that is not supported yet"


def as_service_error(error: AblationError) -> ServiceError:
    """What a caller is told when the packages below refuse something."""
    match error:
        case Unparsable():
            return BadRequest(str(error))
        case NotSupported():
            return UnsupportedQuestion(str(error), error.problems)
        case InvalidStudy():
            return InvalidQuestion(str(error), error.problems)
        case _:
            return ServiceError(str(error))
