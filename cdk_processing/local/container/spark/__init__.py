"""AWS's Spark images without Docker: what is in them, the Java they run on, and their ``smspark-submit``."""
