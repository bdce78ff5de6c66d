"""tinykd: from a Keras teacher to int8 C on a microcontroller."""
