"""AWS CDK constructs for Amazon SageMaker Processing jobs.

The public names are those of ``__init__.pyi``. They are loaded when they are first used, so that ``import
cdk_processing`` starts no Node process and a program that only talks to deployed jobs never does.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
