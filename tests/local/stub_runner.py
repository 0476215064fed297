"""A data plane that does what a job's environment tells it to, for tests of the control plane."""

from pathlib import Path

from cdk_processing.local.job_runner import AccessDeniedError, JobResult


def run(description, session, observer, stop, settings):
    environment = description.get("Environment", {})
    observer.phase("Downloading")
    observer.transferred(5, 10)
    observer.phase("Processing")
    for line in environment.get("LOG", "").splitlines():
        observer.log(line)
    if "UNTIL" in environment:  # until a test has seen what it wants to see, however long that takes
        while not Path(environment["UNTIL"]).exists():
            if stop.wait(0.05):
                return JobResult("Stopped")
        return JobResult("Completed")
    if "WAIT" in environment:
        return JobResult("Stopped" if stop.wait(float(environment["WAIT"])) else "Completed")
    if "FAIL" in environment:
        return JobResult("Failed", environment["FAIL"])
    if "DENIED" in environment:
        raise AccessDeniedError(environment["DENIED"])
    if "CRASH" in environment:
        raise RuntimeError(environment["CRASH"])
    if "CALL" in environment:
        service, operation = environment["CALL"].split(".")
        getattr(session.client(service), operation)()
    return JobResult("Completed", exit_message=environment.get("EXIT"))
