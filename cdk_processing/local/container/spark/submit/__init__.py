"""``smspark-submit`` as in AWS's Spark images. It runs in the container, on the image's Python (3.7 and later).

It behaves like https://github.com/aws/sagemaker-spark-container, with a standalone cluster instead of YARN. The rest of
the library is not in the container, so nothing here imports it. Python finds the package by its folder, so imports are
relative.
"""
