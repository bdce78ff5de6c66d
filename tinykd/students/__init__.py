"""Students: small networks that a microcontroller can run, scaled by one width."""
