"""What a deployed job looks like from outside: each form in one file, written and read side by side.

What deploys jobs writes these forms, and what works with deployed jobs reads them. Pure: neither the CDK nor boto3.
"""
