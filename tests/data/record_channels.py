"""Write sdk_channels.json anew: what the SageMaker SDK makes of channels. Run with a Python that has sagemaker<3.

python tests/data/record_channels.py
"""

import json
from pathlib import Path

FILE = Path(__file__).with_name("sdk_channels.json")

ATHENA = (
    "AthenaDatasetDefinition(catalog='AwsDataCatalog', database='sales', query_string='SELECT 1', "
    "output_s3_uri='s3://curated/athena/', work_group='team', kms_key_id='alias/results', output_format='PARQUET', "
    "output_compression='SNAPPY')"
)
LEAST_ATHENA = "AthenaDatasetDefinition('AwsDataCatalog', 'sales', 'SELECT 1', 's3://curated/a/', output_format='ORC')"
REDSHIFT = (
    "RedshiftDatasetDefinition(cluster_id='warehouse', database='sales', db_user='reader', query_string='SELECT 1', "
    "cluster_role_arn='arn:aws:iam::111122223333:role/Unload', output_s3_uri='s3://curated/redshift/', "
    "kms_key_id='1234abcd-12ab-34cd-56ef-1234567890ab', output_format='CSV', output_compression='None')"
)
PLACE = "local_path='/opt/ml/processing/data'"
INPUTS = [
    f"ProcessingInput(input_name='i', dataset_definition=DatasetDefinition({PLACE}, "
    f"athena_dataset_definition={ATHENA}))",
    f"ProcessingInput(input_name='i', dataset_definition=DatasetDefinition({PLACE}, "
    f"athena_dataset_definition={LEAST_ATHENA}))",
    "ProcessingInput(input_name='i', app_managed=True, dataset_definition=DatasetDefinition("
    f"data_distribution_type='FullyReplicated', input_mode='Pipe', redshift_dataset_definition={REDSHIFT}))",
    f"ProcessingInput(input_name='i', s3_input=S3Input(s3_uri='s3://raw/in/', {PLACE}))",
    "ProcessingInput(input_name='i', s3_input=S3Input(s3_uri='s3://raw/in/'), app_managed=True)",
    "ProcessingInput(input_name='i', s3_input=S3Input('s3://raw/manifest', '/opt/ml/processing/data', 'ManifestFile', "
    "'Pipe', 'ShardedByS3Key', 'Gzip'))",
    "ProcessingInput('s3://raw/in/', '/opt/ml/processing/data', 'i', 'ManifestFile', 'Pipe', 'ShardedByS3Key', 'Gzip')",
    "ProcessingInput('s3://raw/in/', '/opt/ml/processing/data', 'i', app_managed=True)",
]
OUTPUTS = [
    "ProcessingOutput(output_name='o', app_managed=True, "
    "feature_store_output=FeatureStoreOutput(feature_group_name='customers'))",
    "ProcessingOutput('/opt/ml/processing/out', 's3://curated/out/', 'o', app_managed=True)",
]


def record():
    import sagemaker
    from sagemaker import processing
    from sagemaker.dataset_definition import inputs

    names = {**vars(inputs), **vars(processing)}
    made = {code: eval(code, names)._to_request_dict() for code in INPUTS + OUTPUTS}
    return {"sdk": sagemaker.__version__, "channels": made}


if __name__ == "__main__":
    FILE.write_text(json.dumps(record(), indent=1) + "\n", encoding="utf-8")
