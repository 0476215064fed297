import json

from cdk_processing.local.deployment.assembly import Assembly, ImageAsset


def stack(name, *dependencies, **properties):
    return {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/unknown-region",
        "properties": {"templateFile": f"{name}.json", **properties},
        "dependencies": list(dependencies),
        "displayName": name,
    }


def write(folder, artifacts, **manifest):
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps({"version": "55.0.0", "artifacts": artifacts, **manifest}))


def test_stacks_come_after_those_they_need_whatever_the_manifest_s_order(tmp_path):
    write(tmp_path, {"App": stack("App", "Data", "Network"), "Data": stack("Data", "Network"), "Network": stack("Net")})
    assert [each.artifact_id for each in Assembly.read(tmp_path).stacks] == ["Network", "Data", "App"]


def test_stacks_of_stages_are_read_from_their_nested_assemblies(tmp_path):
    nested = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Prod"}}
    write(tmp_path, {"One": stack("One"), "assembly-Prod": nested})
    write(tmp_path / "assembly-Prod", {"ProdTwo": stack("ProdTwo", stackName="Prod-Two")})
    assert [each.name for each in Assembly.read(tmp_path).stacks] == ["One", "Prod-Two"]


def test_account_and_region_are_those_the_stack_names_or_none(tmp_path):
    placed = {**stack("A"), "environment": "aws://111122223333/eu-west-1"}
    write(tmp_path, {"A": placed, "B": stack("B")})
    first, second = Assembly.read(tmp_path).stacks
    assert (first.account_id, first.region) == ("111122223333", "eu-west-1")
    assert (second.account_id, second.region) == (None, None)


def test_assets_belong_to_the_stack_that_depends_on_their_manifest(tmp_path):
    destination = {"here": {"bucketName": "assets-${AWS::AccountId}", "objectKey": "k.zip"}}
    files = {
        "k": {"displayName": "Code", "source": {"path": "code", "packaging": "zip"}, "destinations": destination},
        "made": {"source": {"executable": ["make"]}, "destinations": destination},
    }
    to = {"here": {"repositoryName": "assets-${AWS::AccountId}", "imageTag": "t"}}
    source = {
        "directory": "image",
        "dockerFile": "Own",
        "dockerBuildArgs": {"A": "1"},
        "platform": "linux/arm64",
        "dockerBuildSecrets": {"s": "type=env"},
    }
    images = {
        "i": {"displayName": "Image", "source": source, "destinations": to},
        "j": {"source": {"directory": "image"}, "destinations": to},
    }
    (tmp_path / "A.assets.json").write_text(json.dumps({"files": files, "dockerImages": images}))
    manifest = {"type": "cdk:asset-manifest", "properties": {"file": "A.assets.json"}}
    write(tmp_path, {"A.assets": manifest, "A": stack("A", "A.assets"), "B": stack("B")})
    first, second = Assembly.read(tmp_path).stacks
    assert [(asset.name, asset.zipped, asset.bucket) for asset in first.assets] == [
        ("Code", True, "assets-${AWS::AccountId}")
    ]
    assert first.assets[0].path == tmp_path / "code"
    assert [image.name for image in first.images] == ["Image", "j"]
    assert first.images[0] == ImageAsset(
        name="Image",
        directory=tmp_path / "image",
        repository="assets-${AWS::AccountId}",
        tag="t",
        options=("--file", f"{tmp_path}/image/Own", "--platform", "linux/arm64", "--build-arg", "A=1"),
        unsupported=("dockerBuildSecrets",),
    )
    assert (first.images[1].options, first.images[1].unsupported) == ((), ())
    assert second.assets == ()


def test_construct_paths_are_read_from_the_manifest_and_from_the_file_beside_it(tmp_path):
    (tmp_path / "more.json").write_text(json.dumps({"/A/Queue": [{"type": "aws:cdk:logicalId", "data": "Queue1"}]}))
    artifact = stack("A")
    artifact["metadata"] = {"/A/Raw/Resource": [{"type": "aws:cdk:logicalId", "data": "Raw1"}]}
    artifact["additionalMetadataFile"] = "more.json"
    write(tmp_path, {"A": artifact})
    assert Assembly.read(tmp_path).stacks[0].paths == {"Raw1": "A/Raw/Resource", "Queue1": "A/Queue"}


def test_values_that_only_an_account_can_give_are_listed(tmp_path):
    write(tmp_path, {}, missing=[{"provider": "vpc-provider", "key": "vpc-provider:account=1"}])
    assert Assembly.read(tmp_path).missing_context == ("vpc-provider vpc-provider:account=1",)
