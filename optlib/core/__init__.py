"""What every family stands on: problem, method, result, certificate, trace, stopping, loop."""
