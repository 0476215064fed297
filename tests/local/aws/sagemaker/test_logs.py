import threading

from botocore.exceptions import ClientError

from cdk_processing.local.aws.sagemaker.logs import LogStream
from tests.patience import until


class Session:
    """A role whose calls to CloudWatch Logs wait until they may go on."""

    def __init__(self, denied=False):
        self.go_on = threading.Event()
        self.sent = []
        self.denied = denied

    def client(self, _service):
        return self

    def put_log_events(self, logEvents, **_):  # noqa: N803
        self.go_on.wait()
        if self.denied:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "PutLogEvents")
        self.sent += [event["message"] for event in logEvents]


def writing(stream, lines):
    def write():
        for line in lines:
            stream.write(line)
        written.set()

    written = threading.Event()
    threading.Thread(target=write, daemon=True).start()
    return written


def test_a_job_that_writes_faster_than_lines_are_sent_waits_and_loses_none():
    session = Session()
    stream = LogStream(session, "job")
    lines = [f"{number:08}" * 25_000 for number in range(100)]
    written = writing(stream, lines)
    until(lambda: stream._collected, lambda held: held > 7 << 20)
    assert not written.wait(0.5)
    assert stream._collected < 9 << 20
    session.go_on.set()
    assert written.wait(60)
    stream.close()
    assert session.sent == lines
    assert stream._collected == 0


def test_a_job_whose_role_may_not_write_its_log_does_not_wait_for_ever():
    session = Session(denied=True)
    stream = LogStream(session, "job")
    written = writing(stream, ["x" * 200_000 for _ in range(100)])
    session.go_on.set()
    assert written.wait(60)
    stream.close()
    assert str(stream.denial) == "no"


def test_a_line_beyond_the_limit_of_an_event_is_cut_into_several():
    session = Session()
    session.go_on.set()
    stream = LogStream(session, "job")
    stream.write("ü" * 400_000)
    stream.close()
    assert all(len(message.encode()) <= 256 * 1024 - 26 for message in session.sent)
    assert len(session.sent) == 4
