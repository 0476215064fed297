"""What AWS does, tried: each fact that this library rests on and that documentation leaves open is a scenario.

``python -m conformance`` runs the scenarios on an embedded AWS. With ``--profile`` they run in a real account: the
command says first what they cost and asks, and takes everything down at the end, also after Ctrl-C.
"""
