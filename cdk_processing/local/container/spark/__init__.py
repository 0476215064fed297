"""AWS's Spark images without Docker: their contents, Java, and ``smspark-submit``."""
