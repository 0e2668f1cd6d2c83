"""What a streamed token costs, here and elsewhere: `python -m benchmarks`."""
