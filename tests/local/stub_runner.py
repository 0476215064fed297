"""A data plane that does what a job's environment tells it to, for tests of the control plane."""

from cdk_processing.local.contract import AccessDeniedError, Outcome


def run(description, session, observer, stop, settings):
    environment = description.get("Environment", {})
    observer.phase("Downloading")
    observer.transferred(5, 10)
    observer.phase("Processing")
    for line in environment.get("LOG", "").splitlines():
        observer.log(line)
    if "WAIT" in environment:
        return Outcome("Stopped" if stop.wait(float(environment["WAIT"])) else "Completed")
    if "FAIL" in environment:
        return Outcome("Failed", environment["FAIL"])
    if "DENIED" in environment:
        raise AccessDeniedError(environment["DENIED"])
    if "CRASH" in environment:
        raise RuntimeError(environment["CRASH"])
    if "CALL" in environment:
        service, operation = environment["CALL"].split(".")
        getattr(session.client(service), operation)()
    return Outcome("Completed", exit_message=environment.get("EXIT"))
