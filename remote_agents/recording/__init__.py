"""What went over the wire, as a text that may be shown: recorded, disguised, written, answered."""
