"""The suites that hold for any service, for services of your own too.

Whoever writes a service, here or in a package of his own, runs them against the sandbox's half of
it, in every face, sync and async, streamed and not:

    pytest --agent-service acme

They are the suites that this repository runs for the services that are built in.
"""
