"""Reading the arguments of a constructor: what is missing, unknown or unusable says what to do."""
