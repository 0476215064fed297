"""environments.yaml: what it means, and what is said of mistakes in it."""

from datetime import date

import pytest

from cdk_processing.declarations.reading import read_environments
from cdk_processing.errors import DeclarationError
from tests.declarations.files import ENVIRONMENTS


def problems(folder, text):
    (folder / "environments.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DeclarationError) as told:
        read_environments("environments.yaml")
    return [str(each) for each in told.value.problems]


def test_an_environment_has_what_it_says_and_what_the_defaults_say(folder):
    test, prod = read_environments("environments.yaml")

    assert (test.name, test.account, test.region) == ("test", "111122223333", "eu-central-1")
    assert (prod.name, prod.account, prod.region) == ("prod", "012345678901", "eu-west-1")
    assert test.platform.alert_emails == prod.platform.alert_emails == ["on-call@example.com"]
    assert (test.platform.log_retention_days, prod.platform.log_retention_days) == (30, None)
    assert test.tags == {"data-class": "internal"}
    assert test.cost_center == "4711"


def test_standards_are_a_preset_with_the_keys_of_the_defaults_and_of_the_environment(folder):
    test, prod = (each.standards for each in read_environments("environments.yaml"))

    assert (test.instance_types, test.max_run_cost, test.vpc) == (("ml.m5.*",), 20, True)
    assert (prod.instance_types, prod.max_run_cost, prod.vpc) == (("ml.m5.*",), 50, True)
    [exemption] = prod.exemptions
    assert (exemption.job, exemption.until) == ("Census/Geocode", date(2099, 3, 31))


def test_each_environment_has_its_price_table_in_its_standards(folder):
    test, prod = read_environments("environments.yaml")

    assert test.standards.prices == test.prices.prices == {"ml.m5.xlarge": 0.23}
    assert prod.standards.prices == {"ml.m5.xlarge": 0.25, "ml.m5.2xlarge": 0.5}


def test_budgets_of_teams_are_added_to_those_of_the_defaults(folder):
    test, prod = read_environments("environments.yaml")

    assert {team: each.monthly_limit for team, each in test.budgets.items()} == {"census": 500}
    assert {team: each.monthly_limit for team, each in prod.budgets.items()} == {"census": 2000, "sales": 100.5}


def test_variables_keep_their_types(folder):
    assert read_environments("environments.yaml")[1].variables == {"stage": "prod", "workers": 4, "nightly": True}


@pytest.mark.parametrize("written", ["111122223333", "012345678901", "0o17", "12345678901234"])
def test_an_account_without_quotes_is_an_error_that_shows_it_in_quotes_as_it_is_written(folder, written):
    assert problems(folder, ENVIRONMENTS.replace('"111122223333"', written)) == [
        f'environments.yaml:16:14: environments.test.account must be text, in quotes, got {written}; write "{written}"'
        if written != "0o17"
        else "environments.yaml:16:14: environments.test.account must be 12 digits, in quotes, got '0o17'; "
        "correct the number; leading zeros count"
    ]


EXAMPLES = {
    "no account": (
        ('    account: "111122223333"\n', ""),
        ["15:3: environments.test.account must be given, got nothing; add a line account: ..."],
    ),
    "an account of 11 digits": (
        ('"111122223333"', '"11112222333"'),
        [
            "16:14: environments.test.account must be 12 digits, in quotes, got '11112222333'; correct the number; "
            "leading zeros count"
        ],
    ),
    "an unknown key": (
        ("    region: eu-west-1", "    regoin: eu-west-1"),
        [
            "21:5: environments.prod.regoin must be one of the keys region, platform, standards, tags, cost_center, "
            "prices, budgets, variables, account, got regoin; write 'region'"
        ],
    ),
    "an unknown key of the platform": (
        ("log_retention_days: 30", "retention: 30"),
        [
            "17:28: environments.test.platform.retention must be one of the keys name, encryption_key, alert_topic, "
            "alert_emails, alert_channels, log_retention_days, subnets, security_group_ids, permissions_boundary, "
            "role_path, role_name_prefix, removal_policy, max_instances, got retention; write 'log_retention_days'"
        ],
    ),
    "text for a number": (
        ("log_retention_days: 30", 'log_retention_days: "30"'),
        [
            "17:48: environments.test.platform.log_retention_days must be a whole number, got '30'; "
            "write a whole number, without quotes"
        ],
    ),
    "yes for true": (
        ("forecast: false", "forecast: no"),
        [
            "32:106: environments.prod.budgets.census.forecast must be true or false, got 'no'; "
            "write true or false, without quotes"
        ],
    ),
    "text for a list": (
        ("alert_emails: [on-call@example.com]", "alert_emails: on-call@example.com"),
        ["4:19: defaults.platform.alert_emails must be a list, got 'on-call@example.com'; write [on-call@example.com]"],
    ),
    "a list for a mapping": (
        ("{name: data, log_retention_days: 30}", "[data]"),
        ["17:15: environments.test.platform must be a mapping, got ['data']; write keys and values, indented below"],
    ),
    "a budget of nothing": (
        ("monthly_limit: 100.5", "monthly_limit: 0"),
        ["33:30: environments.prod.budgets.sales.monthly_limit must be above 0, got 0; correct it"],
    ),
    "a day that does not exist": (
        ("2099-03-31", "2099-02-30"),
        [
            "30:18: environments.prod.standards.exemptions[0].until must be a day such as 2027-03-31, "
            "got '2099-02-30'; write year, month and day with hyphens"
        ],
    ),
    "a day by its week, which some releases of Python read": (
        ("2099-03-31", "2099-W01-1"),
        [
            "30:18: environments.prod.standards.exemptions[0].until must be a day such as 2027-03-31, "
            "got '2099-W01-1'; write year, month and day with hyphens"
        ],
    ),
    "an unknown rule, as the library tells it": (
        ("rule: network_isolation", "rule: isolation"),
        [
            "28:17: environments.prod.standards.exemptions[0].rule must be one of instance_types, max_instance_count, "
            "max_runtime_in_seconds, volume_encryption, output_encryption, traffic_encryption, network_isolation, "
            "vpc, subnets, security_groups, required_tags, image_repositories, pinned_images, regions, max_run_cost, "
            "known_jobs, pass_role, private_buckets, got 'isolation'; write 'network_isolation'"
        ],
    ),
    "a wrong pattern in the defaults, told once": (
        ('["ml.m5.*"]', '["m5.*"]'),
        [
            "7:22: environments.test.standards.instance_types[0] must be a pattern such as 'ml.m5.*', got 'm5.*'; "
            "write 'ml.m5.*'"
        ],
    ),
    "a price table of another region": (
        ("    region: eu-west-1\n    prices: prices-prod.json\n", "    region: eu-west-1\n"),
        [
            "9:11: environments.prod.prices must be a table of eu-west-1; prices.yaml has the prices of eu-central-1, "
            "got 'prices.yaml'; name another table"
        ],
    ),
    "a duplicate key": (
        ("  prod:\n", "  test:\n"),
        ["19:3: key must be given once; line 15 has it too, got 'test'; remove one of them"],
    ),
    "a tab": (
        ("  prod:\n    account", "  prod:\n\taccount"),
        ["20:1: indentation must be spaces, got a tab; replace the tab by spaces"],
    ),
    "an anchor and its alias": (
        ('account: "012345678901"', "account: *it\n    cost_center: &it x"),
        [
            "20:14: value must be written out, got *it; write the value here again, without an anchor",
            "21:18: value must be without an anchor, got &it; remove the anchor, and write the value wherever it is "
            "needed",
        ],
    ),
    "a merge key": (
        ("  prod:\n", "  prod:\n    <<: {region: eu-west-1}\n"),
        ["20:5: key must be a name, got <<; write the keys out: files are not merged with anchors"],
    ),
    "a tag": (
        ("cost_center: ", "cost_center: !!python/name:os.system "),
        [
            "11:16: value must be without a tag, got tag:yaml.org,2002:python/name:os.system; "
            "remove the tag; quotes make text"
        ],
    ),
    "the same platform twice": (
        ('    account: "012345678901"\n    region: eu-west-1', '    account: "111122223333"\n    region: eu-central-1'),
        [
            "23:22: environments.prod.platform.name must be another name than that of test, which is in the same "
            "account and region, got 'data'; rename one of the platforms"
        ],
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_mistake_is_told_with_its_place_what_is_allowed_and_the_fix(folder, name):
    (old, new), expected = EXAMPLES[name]
    assert old in ENVIRONMENTS

    told = problems(folder, ENVIRONMENTS.replace(old, new, 1))

    assert told == [f"environments.yaml:{each}" for each in expected]


def test_a_key_without_a_value_is_told(folder):
    text = ENVIRONMENTS.replace("  tags: {data-class: internal}", "  tags:")

    assert problems(folder, text) == [
        "environments.yaml:10:8: defaults.tags must be given a value, got nothing; write one, or remove the key"
    ]


def test_several_mistakes_are_told_at_once_in_the_order_of_the_file(folder):
    text = ENVIRONMENTS.replace('"111122223333"', "111122223333").replace("rule: n", "rul: n").replace("2000", "-1")

    lines = [int(each.split(":")[1]) for each in problems(folder, text)]

    assert lines == [16, 27, 28, 32]


WHOLE_FILES = {
    "empty": (b"", "environments.yaml:1:1: file must be a mapping, got nothing"),
    "comments alone": (b"# nothing\n", "environments.yaml:1:1: file must be a mapping, got nothing"),
    "a list": (b"- a\n", "environments.yaml:1:1: file must be a mapping, got ['a']"),
    "no environments": (b"environments: {}\n", "environments.yaml:1:15: environments must be a mapping with an entry"),
    "Latin-1": (b"a: \xe9\n", "environments.yaml:1:4: encoding must be UTF-8, got the byte 0xe9"),
    "UTF-16": (b"\xff\xfea\x00", "environments.yaml:1:1: encoding must be UTF-8, got UTF-16"),
    "a control character": (b"a: \x07\n", "environments.yaml:1:4: text must be printable, got the character U+0007"),
    "not closed": (b"a: [1,\n", "environments.yaml:2:1: text must be YAML; expected the node content"),
    "a second document": (b"a: 1\n---\nb: 1\n", "environments.yaml:2:1: document must be one for each file"),
    "deep": (b"[" * 500, "environments.yaml:1:41: nesting must be at most 40 levels deep"),
    "long": (b"a" * 1_000_001, "environments.yaml: file must be at most 1,000,000 bytes long"),
}


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_a_file_that_is_wrong_as_a_whole_is_told(folder, name):
    content, expected = WHOLE_FILES[name]

    assert any(each.startswith(expected) for each in problems(folder, content))


def test_a_folder_and_a_missing_file_are_told(folder):
    for name, expected in ((".", "a file, got a folder"), ("no.yaml", "a file that exists, got nothing")):
        with pytest.raises(DeclarationError) as told:
            read_environments(name)
        assert str(told.value.problems[0]).startswith(f"{name}: path must be {expected}")


def test_a_price_table_with_a_mistake_is_told_with_its_own_place(folder):
    (folder / "prices.yaml").write_text("prices:\n  ml.m5.xlarge: cheap\n", encoding="utf-8")

    assert problems(folder, ENVIRONMENTS) == [
        "prices.yaml:2:17: prices['ml.m5.xlarge'] must be a number, got 'cheap'; write a number, without quotes"
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_read(folder):
    (folder / "environments.yaml").write_bytes(b"\xef\xbb\xbf" + ENVIRONMENTS.replace("\n", "\r\n").encode())

    assert len(read_environments("environments.yaml")) == 2
