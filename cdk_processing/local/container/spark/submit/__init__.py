"""``smspark-submit``, as in AWS's Spark images: runs in the container, on the image's own Python (3.7 and later).

It behaves as https://github.com/aws/sagemaker-spark-container does, with a standalone cluster in place of YARN. Nothing
here imports the rest of the library, which is not there; imports are relative, as the package is found by its folder.
"""
