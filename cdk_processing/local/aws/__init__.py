"""One room for each AWS service: what MiniStack lacks of it, or does otherwise than AWS."""
