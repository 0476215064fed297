"""The data plane of a processing job: downloads, containers without Docker, uploads."""
