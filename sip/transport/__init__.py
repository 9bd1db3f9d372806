"""The only sockets of the stack: UDP, TCP, and the endpoint that joins them to transactions."""
