"""A web page of another origin, in a real browser, tries all that once let such a page run code on this machine.

The page uses what an attacker knows: the port, the account, and the keys and secrets that MiniStack has as it comes.
"""

import datetime
import functools
import hashlib
import hmac
import http.server
import json
import os
import re
import shutil
import subprocess
import threading

import pytest

from cdk_processing.local import faults
from tests.local.control_plane import ACCOUNT

HOST_OF_ATTACKER = "attacker.example"
PUBLIC_SECRETS = {"test": "test", ACCOUNT: "test"}


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, installed where it is missing and can be."""
    found = shutil.which("chromium")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium"]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-q"], install):
            subprocess.run(command, check=False, capture_output=True, timeout=250, env=environment)
        found = shutil.which("chromium")
    if found is None:
        pytest.skip("Chromium is not installed here, and cannot be")
    return found


def visit(browser, page, tmp_path, *options):
    """Open a page on a web server of the attacker's; what the page wrote down."""
    (tmp_path / "index.html").write_text(page, encoding="utf-8")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        command = [
            browser,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            f"--user-data-dir={tmp_path / 'profile'}",
            # The attacker's name leads to this machine, as its own name server would have it.
            f"--host-resolver-rules=MAP {HOST_OF_ATTACKER} 127.0.0.1",
            "--virtual-time-budget=60000",
            "--timeout=60000",
            "--dump-dom",
            *options,
            f"http://{HOST_OF_ATTACKER}:{server.server_port}/index.html",
        ]
        run = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    finally:
        server.shutdown()
        server.server_close()
    found = re.search(r'<pre id="found">(.*?)</pre>', run.stdout, re.DOTALL)
    assert found, f"the page did not end: {run.stdout[-500:]}\n{run.stderr[-1500:]}"
    return json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def signed_with_public_keys(service, target, body, key, host):
    """Headers of a request as anybody can sign it who knows MiniStack."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body.encode()).hexdigest()
    signed = {"host": host, "x-amz-date": now, "x-amz-target": target}
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    canonical = "\n".join(["POST", "/", "", lines, names, digest])
    scope = f"{now[:8]}/us-east-1/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    secret = f"AWS4{PUBLIC_SECRETS[key]}".encode()
    for part in (now[:8], "us-east-1", service, "aws4_request"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    authorization = f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {
        "Authorization": authorization,
        "X-Amz-Date": now,
        "X-Amz-Target": target,
        "Content-Type": "application/x-amz-json-1.1",
    }


PAGE = """<!doctype html><pre id="found">[]</pre><script>
const attempts = %s;
async function attempt({name, url, options}) {
  try {
    const answer = await fetch(url, options);
    if (answer.type === "opaque") return {name, outcome: "sent, not read"};
    return {name, outcome: "read", status: answer.status, body: (await answer.text()).slice(0, 300)};
  } catch (error) { return {name, outcome: "refused"}; }
}
(async () => {
  const found = [];
  for (const each of attempts) found.push(await attempt(each));
  document.getElementById("found").textContent = JSON.stringify(found);
})();
</script>"""


def attempts_on(base, host):
    """Everything that once worked: what the page sends, by name."""
    function = {
        "FunctionName": "escape",
        "Runtime": "python3.12",
        "Role": f"arn:aws:iam::{ACCOUNT}:role/any",
        "Handler": "index.handler",
        "Code": {"ZipFile": ""},
    }
    config = json.dumps({"stepfunctions._sfn_mock_config": {}, "lambda_svc.LAMBDA_EXECUTOR": "local"})
    listed = "SageMaker.ListProcessingJobs"
    calls = {
        "read what runs by the admin door": ("/_cdk_processing/runs", {}),
        "clear faults by the admin door": ("/_cdk_processing/faults", {"method": "DELETE"}),
        "fire a schedule by the admin door": (
            "/_cdk_processing/fire-schedule",
            {"method": "POST", "body": json.dumps({"name": "x", "account": ACCOUNT, "region": "us-east-1"})},
        ),
        "inject a fault by the admin door": (
            "/_cdk_processing/faults",
            {"method": "POST", "body": json.dumps(faults.job_stuck().to_json()), "mode": "no-cors"},
        ),
        "read MiniStack's health": ("/_ministack/health", {}),
        "reset everything": ("/_ministack/reset", {"method": "POST", "mode": "no-cors"}),
        "switch the Lambda executor": ("/_ministack/config", {"method": "POST", "body": config, "mode": "no-cors"}),
        "make a function without keys": (
            "/2015-03-31/functions",
            {"method": "POST", "body": json.dumps(function), "headers": {"Content-Type": "text/plain"}},
        ),
        "list buckets without keys": ("/", {}),
        "write an object without keys": ("/kept/stolen", {"method": "PUT", "body": "x"}),
        "write an object by a form": ("/kept", {"method": "POST", "body": "key=stolen&file=x", "mode": "no-cors"}),
        "list jobs without keys": (
            "/",
            {"method": "POST", "body": "{}", "headers": {"X-Amz-Target": listed, "Content-Type": "text/plain"}},
        ),
    }
    for key in PUBLIC_SECRETS:
        calls[f"list jobs with the key {key}"] = (
            "/",
            {"method": "POST", "body": "{}", "headers": signed_with_public_keys("sagemaker", listed, "{}", key, host)},
        )
    return [{"name": name, "url": f"{base}{path}", "options": options} for name, (path, options) in calls.items()]


@pytest.fixture(scope="module")
def kept(world):
    """A bucket that has to be there afterwards, with nothing in it, and a fault that stays in force."""
    world.client("s3").create_bucket(Bucket="kept")
    with world.aws.inject(faults.call_fails("ssm:GetParameter", "AccessDenied")) as fault:
        yield fault


def nothing_was_changed(world, kept):
    assert world.client("s3").list_objects_v2(Bucket="kept")["KeyCount"] == 0
    in_force = world.aws._admin("GET", "faults")["faults"]
    assert [fault["id"] for fault in in_force if not fault["removed"]] == [int(kept._path.rpartition("/")[2])]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_of_another_origin_reads_nothing_and_changes_nothing(browser, world, kept, tmp_path, host):
    port = world.aws.port
    attempts = attempts_on(f"http://{host}:{port}", f"{host}:{port}")
    found = visit(browser, PAGE % json.dumps(attempts), tmp_path)
    assert [each["name"] for each in found] == [each["name"] for each in attempts]
    assert [each for each in found if each["outcome"] == "read"] == []
    nothing_was_changed(world, kept)


def test_a_page_whose_name_leads_to_this_machine_gets_nothing_but_refusals(browser, world, kept, tmp_path):
    """DNS rebinding: page and embedded AWS come to be of one origin, so the browser lets it send and read everything.

    A name that changes its address in mid-page is stood for by a browser that holds no page to its origin.
    """
    port = world.aws.port
    host = f"{HOST_OF_ATTACKER}:{port}"
    attempts = attempts_on(f"http://{host}", host)
    for attempt in attempts:
        attempt["options"].pop("mode", None)
    found = visit(browser, PAGE % json.dumps(attempts), tmp_path, "--disable-web-security")
    assert [each["name"] for each in found] == [each["name"] for each in attempts]
    assert {each["outcome"] for each in found} == {"read"}, found
    assert {each["status"] for each in found} == {403}, found
    assert all("the Host header must be" in each["body"] for each in found), found
    nothing_was_changed(world, kept)
