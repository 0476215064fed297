"""What all jobs of a team or an organisation must be: checked at synth, and denied at run time. Pure."""
