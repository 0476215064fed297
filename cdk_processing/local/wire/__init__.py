"""Handles requests before they reach a service."""
